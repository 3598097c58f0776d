// The last step of a build: what tsc does not do. The workflow bundle is made here, once, so that no worker has to.
