// What .ci/run says at its end of the suites that the reporter beside this file counted: a line for each test that failed, for each suite
// that had not ended and for the slowest; the last line is `passed failed skipped`, for the shell.
const { readFileSync } = require('node:fs');

const SLOWEST = 15;

const lines = readFileSync(process.argv[2], 'utf8')
  .split('\n')
  .filter(Boolean)
  .map((line) => JSON.parse(line));
const begun = new Map(lines.filter((line) => line.began).map(({ suite, began }) => [suite, began]));
const ended = lines.filter((line) => line.ended);
const seconds = ({ suite, ended: at }) => Math.round((at - begun.get(suite)) / 1000);
const sum = (key) => lines.reduce((total, line) => total + (line[key] ?? 0), 0);

for (const line of [...ended].sort((a, b) => seconds(b) - seconds(a)).slice(0, SLOWEST)) {
  console.log(`ci: slow: ${seconds(line)} s ${line.suite}`);
}
for (const { suite } of ended) begun.delete(suite);
for (const suite of begun.keys()) console.log(`ci: NOT ENDED ${suite}`);
for (const { suite, failures } of ended) for (const name of failures) console.log(`ci: FAILED ${suite}: ${name}`);
if (ended.length > 0) {
  const whole =
    (Math.max(...ended.map((line) => line.ended)) - Math.min(...lines.flatMap((line) => line.began ?? []))) / 1000;
  console.log(`ci: ${ended.length} suites in ${Math.round(whole)} s`);
}
console.log(`${sum('passed')} ${sum('failed')} ${sum('skipped')}`);
