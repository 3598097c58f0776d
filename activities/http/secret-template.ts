// `Bearer {secrets.STRIPE_KEY}`: a text with places for secrets, checked when it is defined and filled when it is sent.

const PLACE = /\{secrets\.(\w+)\}/g;

/** @throws Error naming a secret that the toolbox does not declare */
export function checkSecretPlaces(text: string, declared: readonly string[]): void {
  for (const [, name = ''] of text.matchAll(PLACE))
    if (!declared.includes(name)) throw new Error(`{secrets.${name}}: the toolbox does not declare ${name}.`);
}

export const fillSecrets = (text: string, secrets: { readonly [name: string]: string }): string =>
  text.replaceAll(PLACE, (_, name: string) => secrets[name] ?? '');
