/** A token for this user, as the platform's login would issue it. */
export async function fetchToken(tenant: string, user: string): Promise<string> {
  const response = await fetch(`/demo/token?${new URLSearchParams({ tenant, user }).toString()}`);
  if (!response.ok) throw new Error(`no token: ${response.status}`);
  return response.text();
}

/** Asks the development server for one of the things that go wrong in the field, or for a notification. */
export async function order(
  what: 'drop' | 'expire' | 'restart-bridge' | 'kill-bridge' | 'notify',
  input: Readonly<Record<string, string>> = {},
): Promise<void> {
  const response = await fetch(`/demo/${what}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(input),
  });
  if (!response.ok) throw new Error(`${what}: ${response.status} ${await response.text()}`);
}
