import { UNSCOPED_DATABASE, unscopedDatabase } from '../../redis/name-prefix';
import { assertionKeys } from '../settings/assertion-keys';
import type { Route } from '../routes/route';
import { servedRoutes } from '../routes/file';
import { refuseHistoriesFor } from '../routes/histories';
import { unknownVariableText } from '../../stdio/unknown-variables';
import {
  parseSettings,
  SETTING_ROWS,
  SettingsError,
  unknownSettings,
  type Settings,
} from '../settings/settings';
import { doubts, fails, holds, type Finding } from './finding';
import { RouteError } from '../routes/compile';
import { redisTarget } from '../redis/settings';
import { UNUSED_TLS, unusedTls } from '../redis/unused-tls';

/** The outcome of the check of the settings. */
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
  const set = SETTING_ROWS.filter(({ name }) => (env[name] ?? '') !== '').length;
  const unknown = unknownSettings(env).map((variable) => doubts('settings', unknownVariableText(variable)));
  const findings = [holds('settings', `${set} set, defaults for the rest`), ...unknown];
  findings.push(...tlsFindings(settings), ...prefixFindings(settings), accessFinding(settings));
  findings.push(await checkKeys(settings));
  const { finding, routes } = checkRoutes(settings);
  return { findings: [...findings, finding, ...sharedRoutes(routes)], settings, routes };
}

function tlsFindings(settings: Settings): readonly Finding[] {
  const names = unusedTls(settings);
  return names.length === 0 ? [] : [doubts('tls', `${names.join(', ')}: ${UNUSED_TLS}`)];
}

function prefixFindings(settings: Settings): readonly Finding[] {
  const { channelPrefix } = settings;
  if (channelPrefix !== '') return [holds('prefix', `every name in Redis begins with "${channelPrefix}"`)];
  const database = unscopedDatabase(redisTarget(settings), channelPrefix);
  return database === undefined ? [] : [doubts('prefix', `database ${database}: ${UNSCOPED_DATABASE}`)];
}

/** Who may open what is the gatekeeper's to say, and its configuration is not read here. */
function accessFinding({ assertionAccess }: Settings): Finding {
  if (assertionAccess === 'required') return holds('access', 'rules of the gatekeeper decided every upgrade');
  return holds(
    'access',
    'without rules of the gatekeeper (authorization) a good token opens every path of its tenant; BRIDGE_ASSERTION_ACCESS=required refuses that',
  );
}

async function checkKeys(settings: Settings): Promise<Finding> {
  try {
    const keys = await assertionKeys(settings);
    return holds('keys', keys.map(({ algorithms }) => algorithms.join(' or ')).join(', '));
  } catch (error) {
    return fails('keys', (error as Error).message, 'set the key that belongs to the gatekeeper');
  }
}

function checkRoutes(settings: Settings): { finding: Finding; routes: readonly Route[] } {
  try {
    const routes = servedRoutes(settings.routesFile);
    refuseHistoriesFor(routes, {
      commandStream: settings.commandStream,
      isCluster: redisTarget(settings).kind === 'cluster',
    });
    return { finding: holds('routes', routes.map(({ name }) => name).join(', ')), routes };
  } catch (error) {
    if (!(error instanceof RouteError)) throw error;
    return { finding: fails('routes', error.message, 'mend BRIDGE_ROUTES_FILE'), routes: [] };
  }
}

function sharedRoutes(routes: readonly Route[]): readonly Finding[] {
  return routes
    .filter(({ sharedChannels }) => sharedChannels.length > 0)
    .map(({ name, sharedChannels }) =>
      doubts(
        'shared',
        `${name}: every tenant's users may open ${sharedChannels.join(', ')}, whatever its parameters are`,
      ),
    );
}
