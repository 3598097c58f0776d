// Needs nothing.
import { checkedLabels } from '../../client/run-labels';

test.each(['two\nlines', 'a\ttab', 'a\u0000b', 'esc\u001b[2J'])('a run id that is more than a line: %j', (id) => {
  expect(() => checkedLabels(id, {})).toThrow('a run id is one line, without control characters.');
});

test.each(['ticket-7', 'a b', 'bad/id', 'Größe'])('%j is a run id', (id) => {
  expect(() => checkedLabels(id, {})).not.toThrow();
});
