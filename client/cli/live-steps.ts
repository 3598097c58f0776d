// What a run does now, as lines that change in place on a terminal, and as lines that are only added anywhere else.
import type { createColors } from 'picocolors';
import type { Step } from '../../workflows/contract/run';
import { formatDuration } from '../format';
import type { TextEvent } from '../../activities/stream/port';
import { createLiveAnswer } from './live-answer';
import { clipped, safeLine } from './terminal-text';

export type Colors = ReturnType<typeof createColors>;

export interface LiveStepsOptions {
  write(text: string): void;
  /** Of the terminal, now. */
  columns(): number;
  colors: Colors;
  interactive: boolean;
}

export interface LiveSteps {
  show(step: Step): void;
  /** A piece of an answer that is under way. */
  say(event: TextEvent): void;
  /** One line about a wait, until what was waited for is written; on a terminal alone. */
  wait(text: string): void;
  /** Writes what stays, above the lines that change. */
  above(write: () => void): void;
  /** Takes the changing lines away. */
  close(): void;
}

const FRAMES = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏';
const FRAME_MS = 100;
/** More running calls than this are counted, not listed: the block must never be taller than a terminal. */
const LINES = 8;

export function createLiveSteps({ write, columns, colors, interactive }: LiveStepsOptions): LiveSteps {
  const running = new Map<number, Step>();
  let drawn = 0;
  let frame = 0;
  let timer: NodeJS.Timeout | undefined;
  let waiting = '';
  const answer = createLiveAnswer();
  const announced = createAnnounced();

  // The cursor is never hidden: a process that is killed could not show it again.
  const erase = (): void => {
    if (drawn > 0) write(`\u001b[${drawn}A\u001b[J`);
    drawn = 0;
  };
  const draw = (): void => {
    if (running.size === 0 && waiting === '') return;
    const lines = runningLines([...running.values()], FRAMES[frame % FRAMES.length] ?? '', columns(), colors);
    if (running.size > 0) lines.push(...answer.lines(columns()).map((line) => colors.dim(line)));
    if (waiting !== '') lines.push(colors.dim(clipped(safeLine(waiting), columns() - 1)));
    write(lines.map((line) => `${line}\n`).join(''));
    drawn = lines.length;
  };
  const redraw = (): void => {
    frame += 1;
    erase();
    draw();
  };
  const keepDrawing = (): void => {
    if (running.size > 0 && !timer) {
      timer = setInterval(redraw, FRAME_MS);
      timer.unref();
    }
    if (running.size === 0 && timer) {
      clearInterval(timer);
      timer = undefined;
    }
  };
  const above = (writeKept: () => void): void => {
    erase();
    waiting = '';
    if (!interactive) write(answer.lineEnd());
    writeKept();
    draw();
  };

  return {
    above,
    wait: (text) => {
      if (!interactive) return;
      waiting = text;
      erase();
      draw();
    },
    show: (step) => {
      const line = stepLine(step, colors, interactive ? columns() : Infinity);
      if (step.kind === 'model') answer.told(step);
      if (!interactive) {
        if (!announced.isSaid(step)) write(`${answer.lineEnd()}${line}\n`);
        return;
      }
      waiting = '';
      if (step.state === 'running') running.set(step.seq, step);
      else running.delete(step.seq);
      if (step.state === 'running') redraw();
      else above(() => write(`${line}\n`));
      keepDrawing();
    },
    say: (event) => {
      const label = interactive || announced.has(event) ? undefined : modelLabel(event);
      const plain = answer.take(event, label === undefined ? '' : `${RUNNING} ${label}\n`);
      if (interactive || plain === '') return;
      announced.add(event);
      write(plain);
    },
    close: () => {
      erase();
      waiting = '';
      if (!interactive) write(answer.lineEnd());
      running.clear();
      keepDrawing();
    },
  };
}

function runningLines(steps: readonly Step[], spinner: string, columns: number, colors: Colors): string[] {
  const lines = steps.slice(0, LINES).map((step) => {
    const time = formatDuration(Date.now() - step.startedAt);
    return `${colors.cyan(spinner)} ${clipped(safeLine(step.label), columns - time.length - 5)}  ${colors.dim(time)}`;
  });
  return steps.length > LINES ? [...lines, `  and ${steps.length - LINES} more`] : lines;
}

/**
 * Where lines are only added, a step stands before its text. Text comes as it is said and steps as they are asked for, so the first words of
 * an answer may come first: then they announce their step, which is not announced again.
 */
function createAnnounced(): {
  /** Whether the beginning of a step need not be told any more. */
  isSaid(step: Step): boolean;
  has(event: TextEvent): boolean;
  add(event: TextEvent): void;
} {
  const running = new Set<string>();
  const ahead = new Set<string>();
  return {
    isSaid: ({ kind, label, state }) => {
      if (kind !== 'model') return false;
      if (state !== 'running') {
        running.delete(label);
        ahead.delete(label);
        return false;
      }
      running.add(label);
      return ahead.delete(label);
    },
    has: (event) => running.has(modelLabel(event)) || ahead.has(modelLabel(event)),
    add: (event) => void (running.has(modelLabel(event)) || ahead.add(modelLabel(event))),
  };
}

/** As a run names the step. */
const modelLabel = ({ turn }: TextEvent): string => `model, turn ${turn}`;

const RUNNING = '…';

/** A tick is for what has been done: not for a wait, or for a call that was put off. */
function markOf({ kind, state, unanswered }: Step, colors: Colors): string {
  if (state === 'done' && unanswered) return colors.yellow('–');
  if (state === 'done' && kind === 'wait') return colors.yellow('…');
  return { running: RUNNING, done: colors.green('✓'), failed: colors.red('✗') }[state];
}

function stepLine(step: Step, colors: Colors, columns: number): string {
  const mark = markOf(step, colors);
  const time = step.endedAt === undefined ? '' : `  ${formatDuration(step.endedAt - step.startedAt)}`;
  const label = clipped(safeLine(step.label), columns - time.length - 2);
  const left = columns - label.length - time.length - 5;
  // Below that a preview says nothing.
  const preview = step.preview && left > 12 ? `  ${clipped(safeLine(step.preview), left)}` : '';
  return `${mark} ${label}${colors.dim(`${time}${preview}`)}`;
}
