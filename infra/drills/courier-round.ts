// What the model of a crash drill says, and the calls this makes, by name: so that what is stored, what the outside saw
// and what the script holds can be compared.
import { Script, type ScriptCall, type ScriptTurn } from '../../test/kit';

/** One call of the run. Named as its record is: by turn, and by index within it (0 is the model call). */
export interface PlannedCall {
  /** `turn.index`. */
  id: string;
  kind: 'model' | 'tool';
  /** What the outside counter hears; undefined for a model call, which the model server sees. */
  heard?: string;
}

export interface CourierRound {
  task: string;
  answer: string;
  script: Script;
  calls: readonly PlannedCall[];
}

/** A round of so many parcels: two are looked up at once, each is delivered by itself, then a report and the answer. */
export function courierRound(parcels: number): CourierRound {
  const numbers = Array.from({ length: parcels }, (_, at) => `p${at + 1}`);
  const answer = `All ${parcels} parcels are delivered, the last one to ${parcels} Harbour Street.`;
  const turns: ScriptTurn[] = [
    ...pairs(numbers).flatMap((pair) => [
      said(
        `Where do ${pair.join(' and ')} go?`,
        pair.map((number) => call('look_up_address', number)),
      ),
      ...pair.map((number) => said(`Now ${number}.`, [call('deliver_parcel', number)])),
    ]),
    said('I keep a report.', [{ name: 'keep_report', args: { text: `Delivered: ${numbers.join(', ')}.` } }]),
    { text: answer },
  ];
  return {
    task: `Deliver ${numbers.join(', ')}.`,
    answer,
    script: Script.of(turns),
    calls: turns.flatMap(callsOfTurn),
  };
}

const call = (name: string, parcel: string): ScriptCall => ({ name, args: { parcel } });

/** Text beside the calls, so that every answer streams for a while. */
const said = (text: string, calls: ScriptCall[]): ScriptTurn => ({
  text: `${text} One thing after the other, and each thing once: that is how a round is done.`,
  calls,
});

function pairs(numbers: readonly string[]): string[][] {
  return numbers.flatMap((number, at) => (at % 2 === 0 ? [[number, ...numbers.slice(at + 1, at + 2)]] : []));
}

function callsOfTurn(turn: ScriptTurn, at: number): PlannedCall[] {
  const tools = turn.calls ?? [];
  return [
    { id: `${at + 1}.0`, kind: 'model' },
    ...tools.map(({ name, args }, index): PlannedCall => {
      const { parcel } = args as { parcel?: string };
      return { id: `${at + 1}.${index + 1}`, kind: 'tool', heard: parcel === undefined ? name : `${name} ${parcel}` };
    }),
  ];
}
