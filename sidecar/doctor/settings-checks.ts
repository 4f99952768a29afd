import { assertionKeys } from '../assertion-keys';
import { compileRoutes, DEFAULT_ROUTES, RouteError, type Route } from '../routes';
import { readRoutesFile } from '../routes-file';
import { parseSettings, SettingsError, type Settings } from '../settings';
import { fails, holds, type Finding } from './finding';

/** What the settings came to. */
export interface SettingsCheck {
  readonly findings: readonly Finding[];
  /** Undefined when they cannot be used. */
  readonly settings: Settings | undefined;
  readonly routes: readonly Route[];
}

/** Whether the environment, the keys and the routes can be used. */
export async function checkSettings(
  env: Readonly<Record<string, string | undefined>>,
): Promise<SettingsCheck> {
  let settings: Settings;
  try {
    settings = parseSettings(env);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    const findings = error.faults.map((fault) => fails('settings', fault, 'see ws-bridge --help'));
    return { findings, settings: undefined, routes: [] };
  }
  const set = Object.keys(env).filter((name) => name.startsWith('BRIDGE_')).length;
  const findings = [holds('settings', `BRIDGE_*: ${set} set, defaults for the rest`)];
  findings.push(await checkKeys(settings));
  const { finding, routes } = checkRoutes(settings);
  return { findings: [...findings, finding], settings, routes };
}

async function checkKeys(settings: Settings): Promise<Finding> {
  try {
    const keys = await assertionKeys(settings);
    return holds('keys', keys.map(({ algorithms }) => algorithms.join(' or ')).join(', '));
  } catch (error) {
    return fails('keys', (error as Error).message, 'set the key that belongs to the gatekeeper');
  }
}

function checkRoutes({ routesFile }: Settings): { finding: Finding; routes: readonly Route[] } {
  try {
    const routes = routesFile === undefined ? compileRoutes(DEFAULT_ROUTES) : readRoutesFile(routesFile);
    return { finding: holds('routes', routes.map(({ name }) => name).join(', ')), routes };
  } catch (error) {
    if (!(error instanceof RouteError)) throw error;
    return { finding: fails('routes', error.message, 'mend BRIDGE_ROUTES_FILE'), routes: [] };
  }
}
