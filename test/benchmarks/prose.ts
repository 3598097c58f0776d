// Text that compresses like prose and never repeats itself: words of a small vocabulary, in an order that a seed decides.
const WORDS =
  'the of and to in a is that for it was on are as with his they at be this have from or one had by word but not what all were we when your can said there use an each which she do how their if will up other about out many then them these so some her would make like him into time has look two more write go see number no way could people my than first water been call who oil its now find long down day did get come made may part booking amount flight report order customer payment refund invoice'.split(
    ' ',
  );

/** @param bytes at least so many */
export function prose(seed: number, bytes: number): string {
  let state = (seed * 2_654_435_761) >>> 0 || 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>>= 0);
  };
  let text = `${seed}:`;
  while (text.length < bytes)
    text += ` ${WORDS[next() % WORDS.length]}${next() % 9 === 0 ? ` ${next() % 100_000}.` : ''}`;
  return text;
}
