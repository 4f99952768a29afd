import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';

/** The repository's root. */
export const ROOT = join(__dirname, '../..');

/** An object of Kubernetes, as far as every kind is alike. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Labels; readonly annotations?: Labels };
  readonly [member: string]: unknown;
}

/** Labels or annotations. */
export type Labels = Readonly<Record<string, string>>;

/** Every object under deploy/kubernetes but the kustomization. */
export function manifests(): readonly Manifest[] {
  const folder = join(ROOT, 'deploy/kubernetes');
  return readdirSync(folder)
    .filter((name) => name !== 'kustomization.yaml')
    .flatMap((name) => parseAllDocuments(readFileSync(join(folder, name), 'utf8')))
    .map((document) => {
      for (const error of document.errors) throw error;
      return document.toJS() as Manifest;
    });
}

/** The one object of this kind. @throws when there is none, or another */
export function manifest(kind: string): unknown {
  const [found, other] = manifests().filter((object) => object.kind === kind);
  if (found === undefined || other !== undefined) throw new Error(`expected exactly one ${kind}`);
  return found;
}

/** A YAML file of the repository. */
export function yamlFile(path: string): unknown {
  return parse(readFileSync(join(ROOT, path), 'utf8'));
}

/** Whether a selector's labels are all among these. */
export function selects(selector: Labels | undefined, labels: Labels | undefined): boolean {
  const wanted = Object.entries(selector ?? {});
  return wanted.length > 0 && wanted.every(([name, value]) => labels?.[name] === value);
}
