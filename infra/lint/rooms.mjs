// Who may import what. The rooms are the sides of execution, so the table below is the architecture; the rule reads it,
// and test/habits/import-rules.test.ts shows that each line of it bites. The first room whose pattern fits a file is its room.

/**
 * @typedef {object} Room
 * @property {string} name
 * @property {RegExp} files paths from the top of the repository, with `/`
 * @property {RegExp[]} own files of the repository that it may import
 * @property {RegExp[]} packages that it may import; Node's own modules are named `node:x`
 * @property {RegExp[]} [typesOf] packages that it may import types of
 * @property {RegExp[]} [except] taken away again from `own` and `packages`
 * @property {string} why what a refused import is answered with
 */

const CONTRACT = /^workflows\/contract\/(?!schemas\/)/;
const CONTRACT_AND_SCHEMAS = /^workflows\/contract\//;
/**
 * Definitions, stored content, keys, answers on their way, what models were asked, and the statistics of rollouts: a caller describes a run,
 * watches it, resolves what it was told and answered, and is told what a rollout will take before it begins.
 */
const CALLER_PARTS = /^activities\/(store|define|keys|stream|rebuild|rollout)\//;
const NODE = /^node:/;
const ANY_PACKAGE = /^/;
/** Runs in the sandbox unchanged: no Node, no clock of its own, no state between runs. */
const PURE_LIBRARIES = /^(@noble\/hashes|canonicalize|ms)(\/|$)/;

/** @type {Room[]} */
export const rooms = [
  {
    name: 'workflows/contract/schemas',
    files: /^workflows\/contract\/schemas\//,
    own: [CONTRACT_AND_SCHEMAS],
    packages: [/^zod$/],
    why: 'schemas know the contract and zod, and serve the edges',
  },
  {
    name: 'workflows/contract',
    files: /^workflows\/contract\//,
    own: [CONTRACT],
    packages: [],
    typesOf: [/^@temporalio\/common$/],
    why: 'the shared language stands on nothing, so that every room can speak it',
  },
  {
    name: 'workflows/core',
    files: /^workflows\/core\//,
    own: [CONTRACT, /^workflows\/core\//],
    packages: [PURE_LIBRARIES],
    why: 'the core is handed what it needs, and is tested without Temporal',
  },
  {
    name: 'workflows/quota',
    files: /^workflows\/quota\//,
    own: [CONTRACT, /^workflows\/quota\//],
    packages: [],
    why: 'the ledger is arithmetic, and is tested without Temporal',
  },
  {
    name: 'workflows/queue',
    files: /^workflows\/queue\//,
    own: [CONTRACT, /^workflows\/queue\//],
    packages: [],
    why: 'who is next and how long it takes is arithmetic, and is tested without Temporal',
  },
  {
    name: 'workflows/session',
    files: /^workflows\/session\//,
    own: [CONTRACT, /^workflows\/session\//],
    packages: [],
    why: 'a mailbox is data and decisions, and is tested without Temporal',
  },
  {
    name: 'workflows/rollout',
    files: /^workflows\/rollout\//,
    own: [CONTRACT, /^workflows\/rollout\//],
    packages: [],
    why: 'what becomes of a rollout is data and decisions, and is tested without Temporal',
  },
  {
    name: 'workflows',
    files: /^workflows\//,
    own: [/^workflows\/(?!contract\/schemas\/)/],
    packages: [/^@temporalio\/(workflow|common)$/, PURE_LIBRARIES],
    why: "workflow code runs in Temporal's sandbox, and zod in its bundle doubles the memory of every cached run",
  },
  {
    name: 'activities/define',
    files: /^activities\/define\//,
    own: [/^activities\/(define|http)\//, CONTRACT_AND_SCHEMAS],
    packages: [/^(zod|ms)$/, NODE],
    why: 'definitions are data: they load in a caller, a test and a worker alike',
  },
  {
    name: 'activities/http',
    files: /^activities\/http\//,
    own: [/^activities\/(http\/|define\/tool|redact|model\/retry-after)/, CONTRACT],
    packages: [/^zod$/, NODE],
    why: 'it is the code of tools that are only described, and loads wherever a definition does',
  },
  {
    name: 'activities',
    files: /^activities\//,
    own: [/^activities\//, CONTRACT_AND_SCHEMAS],
    packages: [ANY_PACKAGE],
    except: [/^@temporalio\/(worker|workflow|testing)(\/|$)/],
    why: 'activities do I/O with what they are handed, and know no process and no caller',
  },
  {
    name: 'agents',
    files: /^agents\//,
    own: [], // Only its own folder: the rule adds it.
    packages: [/^longhaul(\/testing)?$/, /^zod$/, NODE],
    why: 'an agent is written as a user writes it, against the public API',
  },
  {
    name: 'workers',
    files: /^workers\//,
    own: [/^(workers|activities|infra)\//, CONTRACT_AND_SCHEMAS],
    packages: [ANY_PACKAGE],
    except: [/^@temporalio\/workflow(\/|$)/],
    why: 'workers load workflows by path, and know no caller',
  },
  {
    name: 'client/cli',
    files: /^client\/cli\//,
    own: [/^(client|workers|activities|infra)\//, CONTRACT_AND_SCHEMAS, /^workflows\/messages\.ts$/],
    packages: [ANY_PACKAGE],
    why: 'the command line joins callers and workers, and still reads workflows through the contract',
  },
  {
    name: 'client',
    files: /^client\//,
    own: [/^client\/(?!cli\/)/, /^infra\/temporal\//, CALLER_PARTS, CONTRACT_AND_SCHEMAS, /^workflows\/messages\.ts$/],
    packages: [ANY_PACKAGE],
    except: [/^@temporalio\/(worker|activity|testing)(\/|$)/],
    why: 'a caller imports no worker and no tool code; only client/cli/ joins both sides',
  },
  {
    name: 'infra/temporal',
    files: /^infra\/temporal\//,
    own: [/^infra\/temporal\//, CONTRACT],
    packages: [NODE, /^@temporalio\/(client|common|envconfig)(\/|$)/],
    why: 'it starts and finds a server, and is used by callers and workers alike',
  },
  {
    name: 'test/kit',
    files: /^test\/kit\//,
    own: [
      /^test\/kit\//,
      /^activities\/(?!store\/(lmdb|postgres|open-store))/,
      /^workflows\/core\//,
      CONTRACT_AND_SCHEMAS,
    ],
    packages: [ANY_PACKAGE],
    except: [/^@temporalio\/(worker|workflow|testing)(\/|$)/],
    why: 'the kit is shipped to users, runs without a server, and must not drag in a worker',
  },
  // What proves and what operates sees everything; only the shipped rooms stay closed to it.
  { name: 'test', files: /^test\//, own: [ANY_PACKAGE], packages: [ANY_PACKAGE], why: 'a test may import everything' },
  {
    name: 'infra',
    files: /^infra\//,
    own: [/^(?!test\/(?!kit\/))/],
    packages: [ANY_PACKAGE],
    why: 'infra ships, tests do not',
  },
];

/** @param {string} file */
export const roomOf = (file) => rooms.find((room) => room.files.test(file));

/**
 * @param {Room} room
 * @param {{ from: string; to: string; own: boolean; typeOnly: boolean }} edge `to` is a path of the repository when `own`, else a package
 * @returns {boolean} whether the room may have it
 */
export function mayImport(room, { from, to, own, typeOnly }) {
  if (own && room.name === 'agents' && to.startsWith(from.split('/').slice(0, 2).join('/') + '/')) return true;
  const fits = (/** @type {RegExp[] | undefined} */ patterns) => patterns?.some((pattern) => pattern.test(to)) ?? false;
  if (fits(room.except)) return false;
  return fits(own ? room.own : room.packages) || (!own && typeOnly && fits(room.typesOf));
}
