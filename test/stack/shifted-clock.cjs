// Loaded first into a process whose clock of the day is wrong: by CLOCK_AHEAD_MS from its start on, and by CLOCK_JUMPS_MS more after
// each SIGHUP, as if somebody had set it.
const RealDate = Date;
const realNow = Date.now;
let aheadMs = Number(process.env['CLOCK_AHEAD_MS'] ?? 0);

globalThis.Date = class extends RealDate {
  constructor(...given) {
    if (given.length === 0) super(realNow() + aheadMs);
    else super(...given);
  }
  static now() {
    return realNow() + aheadMs;
  }
};
process.on('SIGHUP', () => {
  aheadMs += Number(process.env['CLOCK_JUMPS_MS'] ?? 0);
});
