/** Error texts reach histories, logs and models: short, one line, without anything that looks like a credential. */
const CREDENTIALS =
  /\b(?:sk|pk|rk|ghp|gho|xox[abp])[-_][A-Za-z0-9_-]{8,}|\bBearer\s+\S+|\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*|:\/\/[^\s/:@]+:[^\s/@]+@/g;
const TEXT_CHARS = 300;
/** A secret shorter than this would turn ordinary words into stars. */
const SECRET_CHARS = 4;

export function safeText(text: string, secrets: readonly string[] = []): string {
  const known = secrets.filter((secret) => secret.length >= SECRET_CHARS);
  const hidden = known.reduce((left, secret) => left.split(secret).join('***'), text).replace(CREDENTIALS, '***');
  const line = hidden.replace(/\s+/g, ' ').trim();
  return line.length <= TEXT_CHARS ? line : `${line.slice(0, TEXT_CHARS - 1)}…`;
}
