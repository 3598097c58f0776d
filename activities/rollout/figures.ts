// Figures as people read them.

export const count = (value: number): string => value.toLocaleString('en-US');
export const short = (value: number): string => value.toLocaleString('en-US', { maximumSignificantDigits: 3 });
/** What is less than a millionth of a percent is a rounding error. */
export const percent = (share: number): string => `${short(Math.round(1e8 * share) / 1e6)} %`;

export const daysInWords = (days: number): string =>
  days >= 10
    ? `${count(Math.ceil(days))} days`
    : days >= 1
      ? `${days.toFixed(1)} days`
      : `${(24 * days).toFixed(1)} hours`;
