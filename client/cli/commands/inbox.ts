// `longhaul inbox`: what waits for a person, across runs. From the store alone: who looks needs no server.
import type { CliContext } from '../context';
import { EXIT } from '../exit-codes';
import { formatDuration } from '../../format';
import { questionLine } from '../../question-line';
import { waitingIn } from '../../inbox';
import { shellWord } from '../../shell-word';

export async function inboxCommand(context: CliContext, now = Date.now()): Promise<number> {
  const { output } = context;
  const waiting = await waitingIn(context.readStore());
  output.json({
    requests: waiting.map(({ id, agent, tenant, request, root }) => ({ id, agent, tenant, request, root: root ?? id })),
  });
  if (output.isJson) return EXIT.completed;
  if (waiting.length === 0) output.note('nothing waits for a person');
  for (const { id, agent, request, root } of waiting) {
    const { number, by, deadline, otherwise, again } = request;
    const left = deadline - now;
    const until =
      left > 0 ? `${formatDuration(left)} left, then ${DEFAULT[otherwise]}` : `its time is over: ${DEFAULT[otherwise]}`;
    const who = by.length === 0 ? 'anybody' : by.map((names) => names.join(' or ')).join(', and ');
    output.line(
      `${output.colors.bold(output.safeLine(root ?? id))}  ${number}  ${output.safeLine(agent)}  ${until}  ${output.safeLine(who)}`,
    );
    if (root !== undefined) output.line(`    asked by ${output.safeLine(id)}, a sub-agent's run`);
    output.line(`    ${output.safeLine(questionLine(request))}`);
    if (again !== undefined) output.line(`    asked again: ${output.safeLine(again)}`);
    const answers = request.kind === 'approval' ? 'approve|deny' : 'approve|deny|replace';
    output.line(`    longhaul ${answers} ${shellWord(id)} ${number}`);
  }
  return EXIT.completed;
}

const DEFAULT = { deny: 'it is denied', approve: 'it is approved', escalate: 'the run ends as escalated' } as const;
