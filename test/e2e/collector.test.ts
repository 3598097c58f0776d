// Needs: the built command line (npm run build), a Temporal CLI, free ports, and a collector: that of `pip3 install --target .longhaul/python
// rotel`, as .ci/run does, or OpenTelemetry's own, which LONGHAUL_OTEL_COLLECTOR names. Skipped with a word where there is neither. What a
// project's `dev` sends of a run, tools in a process of their own among it, through a collector that others wrote; and what its log says of it.
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { findCollector, startCollector, type Collector } from '../stack/collector';
import { startOtlpReceiver, type OtlpReceiver } from '../stack/otlp-receiver';
import { problemsOf, tracedRun } from '../stack/traced-runs';
import { cli, scratchFolder, startCli, TOP, type RunningProcess } from './cli';

jest.setTimeout(180_000);

const CANARY = 'kanarienvogel-4711';
const AGENT = `
import { defineAgent, defineTool, defineToolbox } from 'longhaul';
import { z } from 'zod';

const show = defineTool({
  name: 'show', toolbox: defineToolbox({ name: 'box' }), description: 'x', effect: 'read',
  input: z.object({ show: z.string() }), output: z.string(),
  run: (_, { traceparent }) => process.pid + ' ' + traceparent,
});
export const desk = defineAgent({
  name: 'desk', instructions: 'x', input: z.object({ show: z.string() }), tools: [show],
});
`;

const program = findCollector();
if (!program) console.log('skipped: no collector is here: neither rotel nor what LONGHAUL_OTEL_COLLECTOR names.');
const describeWithCollector = program ? describe : describe.skip;

const project = scratchFolder();
let receiver: OtlpReceiver;
let collector: Collector;
let dev: RunningProcess;

describeWithCollector('a project that is traced by a real collector', () => {
  beforeAll(async () => {
    if (!program) return;
    mkdirSync(path.join(project, 'agents', 'desk'), { recursive: true });
    mkdirSync(path.join(project, 'node_modules'));
    symlinkSync(path.join(TOP, 'node_modules/zod'), path.join(project, 'node_modules/zod'));
    writeFileSync(path.join(project, 'package.json'), '{"private":true}');
    writeFileSync(path.join(project, 'agents', 'desk', 'agent.ts'), AGENT);
    receiver = await startOtlpReceiver();
    collector = await startCollector(program, receiver.url);
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_SERVICE_NAME: 'longhaul' };
    dev = await startCli(['dev', '--metrics-port', '0'], { cwd: project, env });
    await dev.saying(/^ready /m);
  });
  afterAll(async () => {
    await collector.stop();
    await receiver.close();
  });

  test('it takes every span of a run, none is refused, and they are one tree; nothing that was said is among them', async () => {
    const run = ['run', 'desk', '--id', 'run_traced', '--input', JSON.stringify({ show: CANARY })];
    const { code, stdout } = await cli(run, { cwd: project });
    const [, pid = '', told = ''] = /^(\d+) (\S+)$/m.exec(stdout) ?? [];
    expect([code, Number(pid) === dev.pid]).toEqual([0, false]);
    const names = ['invoke_agent desk', 'chat extractive', 'chat extractive', 'execute_tool show'];
    const { root, spans } = await tracedRun(receiver, 'run_traced', names);
    const tool = spans.find(({ name }) => name === 'execute_tool show');
    // The process of the toolbox was told the span that its call has in the collector.
    expect(told).toBe(`00-${root.traceId}-${tool?.spanId}-01`);
    expect(spans.filter(({ parentSpanId }) => parentSpanId === root.spanId)).toHaveLength(3);

    dev.kill('SIGTERM');
    expect(await dev.ended).toMatchObject({ code: 0 });
    const counts = await collector.counts();
    console.log(
      `${collector.kind}: ${receiver.spans.length} spans passed on, ${JSON.stringify(counts)} by its own count`,
    );
    if (counts) expect(counts).toEqual({ accepted: receiver.spans.length, refused: 0 });
    expect(problemsOf(receiver)).toEqual([]);
    expect(JSON.stringify(receiver.spans)).not.toContain(CANARY);
  });

  test('its log has a line of JSON for each call, by run, turn and call, and the spans that the collector has', () => {
    const log = readFileSync(path.join(project, '.longhaul/logs/worker.log'), 'utf8');
    const lines = log.split('\n').filter(Boolean);
    const calls = lines
      .map((line) => JSON.parse(line) as { [name: string]: unknown })
      .filter(({ msg }) => msg === 'a call has ended');
    expect(calls.map(({ run, turn, call, activity }) => [run, turn, call, activity])).toEqual([
      ['run_traced', 1, 0, 'callModel'],
      ['run_traced', 1, 1, 'callTool'],
      ['run_traced', 2, 0, 'callModel'],
      ['run_traced', 2, 0, 'endRun'],
    ]);
    const known = receiver.spans.map(({ traceId, spanId }) => `${traceId} ${spanId}`);
    for (const { activity, trace_id: trace, span_id: span } of calls)
      if (activity !== 'endRun') expect(known).toContain(`${String(trace)} ${String(span)}`);
    expect(log).not.toContain('spans of traces are lost');
    expect(log).not.toContain(CANARY);
  });
});
