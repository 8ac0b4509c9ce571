import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { imageEnvironment, lastOf, settingNames, settingsOf, textOf } from './read.ts';

describe('the Kubernetes manifest', () => {
  type Variable = { name: string; value?: string; valueFrom?: { secretKeyRef: { name: string; key: string } } };
  type Container = {
    env: Variable[];
    ports: { containerPort: number }[];
    livenessProbe: { httpGet: { path: string } };
    readinessProbe: { httpGet: { path: string } };
    securityContext: object;
    lifecycle: { preStop: { exec: { command: string[] } } };
  };
  const documents = parseAllDocuments(textOf('deploy/kubernetes.yaml')).map((each) => each.toJS());
  const [deployment, service, budget] = documents;
  const pod = deployment.spec.template.spec;
  const container = pod.containers[0] as Container;

  test('is a deployment, a service and a disruption budget for the same pods', () => {
    expect(documents.map((each) => each.kind)).toEqual(['Deployment', 'Service', 'PodDisruptionBudget']);
    const { labels } = deployment.spec.template.metadata;
    expect(deployment.spec.selector.matchLabels).toEqual(labels);
    expect(service.spec.selector).toEqual(labels);
    expect(budget.spec.selector.matchLabels).toEqual(labels);
    expect(container.ports[0]?.containerPort).toBe(Number(imageEnvironment.PORT));
  });

  test('sets only variables that the settings know, secrets from secrets, and the replicas start with them', () => {
    const samples: Record<string, string> = {
      DATABASE_URL: 'postgres://user@db/punctual',
      REDIS_URL: 'redis://redis',
      API_KEYS: `ci:admin:${'0'.repeat(64)}`,
    };
    for (const { name, valueFrom } of container.env) expect(valueFrom !== undefined, name).toBe(settingNames.get(name));
    const environment = Object.fromEntries(container.env.map(({ name, value }) => [name, value ?? samples[name]]));
    const settings = settingsOf({ ...imageEnvironment, ...environment });
    expect(settings.open).toBe(false);
    const preStopMs = Number(container.lifecycle.preStop.exec.command[1]) * 1_000;
    expect(pod.terminationGracePeriodSeconds * 1_000).toBeGreaterThanOrEqual(
      preStopMs + settings.shutdownGraceMs + 10_000,
    );
  });

  test('restarts a dead replica and spares one that waits, on a read-only root as the user of the image', () => {
    expect(container.livenessProbe.httpGet.path).toBe('/livez');
    expect(container.readinessProbe.httpGet.path).toBe('/readyz');
    expect(`${pod.securityContext.runAsUser}:${pod.securityContext.runAsGroup}`).toBe(lastOf('USER'));
    expect(container.securityContext).toMatchObject({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
  });
});
