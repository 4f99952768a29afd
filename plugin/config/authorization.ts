import type { Access } from '../../protocol/access';
import { paramNames, parsePathTemplate, type PathTemplate } from '../../protocol/path-template';
import { quoted } from '../../protocol/quoted';
import { ConfigError } from '../schema/config-error';
import type { RawConfig } from './raw';
import { parseValueTemplate, valueParams, type ValueTemplate } from './value-template';

/** Who may open what. */
export interface Authorization {
  /** The first that fits a path decides. */
  readonly rules: readonly AuthorizationRule[];
  /** Where none fits. */
  readonly otherwise: 'allow' | 'deny';
  /** The claims that the rules look at: those of a token are kept in this order. */
  readonly claims: readonly (readonly string[])[];
  /** The types of `authorization_details` that the rules look at. */
  readonly detailTypes: readonly string[];
}

/** One rule: all its conditions must hold. One that has none holds for every good token. */
export interface AuthorizationRule {
  readonly paths: readonly RulePath[];
  /** Any of these. */
  readonly roles: ReadonlySet<string> | undefined;
  readonly claim: ClaimCondition | undefined;
  readonly details: DetailsCondition | undefined;
  /** The authorization service that is asked once all else holds. */
  readonly url: string | undefined;
  /** The access that it gives; with `details` or a `url` the most that it gives. */
  readonly access: Access;
  /** Where a condition does not hold: the upgrade is refused, or the next rule that fits is asked. */
  readonly otherwise: 'refuse' | 'next';
}

/** A path that a rule is for. */
export interface RulePath {
  readonly text: string;
  readonly template: PathTemplate;
}

/** A claim that must have one of these texts. */
export interface ClaimCondition {
  /** Its place in {@link Authorization.claims}. */
  readonly index: number;
  readonly values: readonly ValueTemplate[];
}

/** An element that the token's `authorization_details` (RFC 9396 §2) must have. */
export interface DetailsCondition {
  readonly type: string;
  /** Its locations must have one of these; undefined where they do not matter. */
  readonly locations: readonly ValueTemplate[] | undefined;
  /** The actions that give an access, by it; undefined where no action matters. */
  readonly actions: Readonly<Record<Access, ReadonlySet<string>>> | undefined;
}

type RawRule = RawConfig['authorization'][number];

/** Compiles the rules, once a configuration. @throws ConfigError naming the field */
export function compileAuthorization(
  raw: Pick<RawConfig, 'authorization' | 'authorization_default'>,
): Authorization {
  const claims: (readonly string[])[] = [];
  const rules = raw.authorization.map((rule, index) => {
    const field = `config.authorization[${index}]`;
    const paths = rule.paths.map((text, at) => compilePath(text, `${field}.paths[${at}]`));
    return {
      paths,
      roles: rule.roles && new Set(rule.roles),
      claim: compileClaim(rule, paths, claims, field),
      details: rule.details && compileDetails(rule.details, paths, `${field}.details`),
      url: rule.url,
      access: rule.access,
      otherwise: rule.otherwise,
    };
  });
  const detailTypes = rules.flatMap(({ details }) => (details === undefined ? [] : [details.type]));
  return { rules, otherwise: raw.authorization_default, claims, detailTypes: [...new Set(detailTypes)] };
}

function compilePath(text: string, field: string): RulePath {
  const template = parsePathTemplate(text);
  const isOneSpelling = template?.every(
    (segment) => segment.literal === undefined || !/^\.{1,2}$/.test(segment.literal),
  );
  if (template === undefined || isOneSpelling !== true) {
    throw new ConfigError(
      `${field}: expected a path of literal segments and {param}s, like /ws/bi/dashboards/{id}, got ${quoted(text)}`,
    );
  }
  const names = paramNames(template);
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined)
    throw new ConfigError(`${field}: expected each parameter once, got {${twice}} twice`);
  return { text, template };
}

function compileClaim(
  { claim, values }: RawRule,
  paths: readonly RulePath[],
  claims: (readonly string[])[],
  field: string,
): ClaimCondition | undefined {
  if (claim === undefined && values === undefined) return undefined;
  if (claim === undefined) throw new ConfigError(`${field}.claim: expected the claim that has the values`);
  if (values === undefined) throw new ConfigError(`${field}.values: expected what the claim must have`);
  return { index: claimIndex(claim, claims), values: compileValues(values, paths, `${field}.values`) };
}

function compileDetails(
  { type, locations, read_actions: read, write_actions: write }: NonNullable<RawRule['details']>,
  paths: readonly RulePath[],
  field: string,
): DetailsCondition {
  const isByAction = read !== undefined || write !== undefined;
  return {
    type,
    locations: locations && compileValues(locations, paths, `${field}.locations`),
    actions: isByAction ? { read: new Set(read), write: new Set(write) } : undefined,
  };
}

function compileValues(texts: readonly string[], paths: readonly RulePath[], field: string) {
  return texts.map((text, at) => compileValue(text, paths, `${field}[${at}]`));
}

/** @throws ConfigError for a text that is no template, or has a parameter that not each path has */
function compileValue(text: string, paths: readonly RulePath[], field: string): ValueTemplate {
  const template = parseValueTemplate(text);
  if (template === undefined) {
    throw new ConfigError(
      `${field}: expected a text with {param}s that something keeps apart and * at its end alone, got ${quoted(text)}`,
    );
  }
  for (const name of valueParams(template)) {
    const without = paths.find((path) => !paramNames(path.template).includes(name));
    if (without === undefined) continue;
    throw new ConfigError(
      `${field}: expected parameters of every path, got {${name}}, which ${quoted(without.text)} has not`,
    );
  }
  return template;
}

function claimIndex(claim: readonly string[], claims: (readonly string[])[]): number {
  const known = claims.findIndex(
    (other) => other.length === claim.length && other.every((name, at) => name === claim[at]),
  );
  return known === -1 ? claims.push(claim) - 1 : known;
}
