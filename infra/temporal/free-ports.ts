import { createServer, connect, type Server } from 'node:net';

const LOOPBACK = '127.0.0.1';
/** On loopback an open port answers at once; this bounds a firewall that swallows. */
const PROBE_MS = 1_000;

/** The ports of an embedded server. */
export interface ServerPorts {
  grpc: number;
  ui: number;
  http: number;
}

/**
 * Free ports on loopback: the preferred one for gRPC and the one 1000 above it for the Web UI, each replaced by one that
 * the system chooses when it is taken. Another process may take one before the server does: the caller tries again.
 */
export async function findFreePorts(preferredGrpcPort: number): Promise<ServerPorts> {
  const preferredUiPort = preferredGrpcPort + 1000;
  const [grpcIsFree, uiIsFree] = await Promise.all([isFree(preferredGrpcPort), isFree(preferredUiPort)]);
  const [first, second, third] = await Promise.all([listen(0), listen(0), listen(0)]);
  const spare = [first, second, third].map(portOf);
  await Promise.all([first, second, third].map(close));
  const [a = 0, b = 0, c = 0] = spare;
  return { grpc: grpcIsFree ? preferredGrpcPort : a, ui: uiIsFree ? preferredUiPort : b, http: c };
}

/** Whether something accepts connections on a loopback port. */
export function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: LOOPBACK, timeout: PROBE_MS });
    const settle = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.on('connect', () => settle(true));
    socket.on('timeout', () => settle(false));
    socket.on('error', () => settle(false));
  });
}

/** Both looks are needed: some systems let one process bind loopback where another listens on every address. */
async function isFree(port: number): Promise<boolean> {
  if (await isListening(port)) return false;
  return listen(port).then(
    (server) => close(server).then(() => true),
    () => false,
  );
}

function listen(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(port, LOOPBACK, () => resolve(server));
  });
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
