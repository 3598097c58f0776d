// Run by tests: starts an embedded server in a folder, prints its pid and its group's, and lives until it is killed.
import { startEmbeddedTemporal } from '../../infra/temporal/start-embedded';

async function main([stateDir = '', cliPath = '', port = '']: string[]): Promise<void> {
  const server = await startEmbeddedTemporal({ stateDir, cliPath, preferredPort: Number(port) });
  console.log(JSON.stringify({ pid: server.pid, groupId: server.groupId }));
  process.stdin.resume().on('end', () => void server.stop());
}

void main(process.argv.slice(2));
