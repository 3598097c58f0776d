// What of the inbox a command shows.
import type { Waiting } from '../inbox';
import { questionLine } from '../question-line';
import type { Output } from './output';
import { shellWord } from '../shell-word';

/** What is asked, and the command that says yes to it. */
export const waitingLine = (output: Output, { id, request }: Waiting): string =>
  `${request.number}  ${output.safeLine(questionLine(request))}   longhaul approve ${shellWord(id)} ${request.number}`;
