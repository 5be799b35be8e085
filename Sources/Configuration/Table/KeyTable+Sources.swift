internal import Proxy
internal import Upstream

extension KeyTable {
  /// Where backends are found while certd runs.
  static let sources: [Key] = [
    Key(
      "services.*.backends.file", .text(.path), .described("none"),
      "A file, in YAML or JSON, that lists the backends as `backends` does, by itself or under `backends` or `groups`. It is looked at "
        + "twice a second, and should be replaced as a whole; while it cannot be read or is wrong, what it said last holds."
    ),
    Key(
      "services.*.backends.srv", .text(.line), .described("none"),
      "A name in DNS whose SRV records say where the servers are (`_http._tcp.chat.example.com`), looked up again when their TTL is "
        + "over: those of one priority share by weight, and each priority is a group."),
    Key(
      "services.*.backends.kubernetes", .section, .described("none"),
      "The endpoints of a service in Kubernetes, by its EndpointSlices, which are listed and watched. certd's service account needs "
        + "`list` and `watch` of `endpointslices` in `discovery.k8s.io`. Endpoints that are not ready get nothing, but those that end and "
        + "still serve where there are no others. Where this node has a `zone`, each zone is a group."),
    Key(
      \KubernetesService.namespace, "services.*.backends.kubernetes.namespace", .text(.line),
      .described("certd's own"), "Its namespace."),
    Key(
      \KubernetesService.service, "services.*.backends.kubernetes.service", .text(.line), .required,
      "Its name."),
    Key(
      \KubernetesService.port, "services.*.backends.kubernetes.port", .text(.line),
      .described("the only one"), "The number of the endpoints' port, or its name."),
    Key(
      \KubernetesService.api, "services.*.backends.kubernetes.api", .text(.endpoint),
      .described("the cluster's that certd runs in"), "The API server."),
    Key(
      \KubernetesService.tokenFile, "services.*.backends.kubernetes.token_file", .text(.path),
      "The file of the token that is shown, read again for each request."),
    Key(
      \KubernetesService.roots, "services.*.backends.kubernetes.roots", .text(.path),
      "PEM file of the roots that are trusted."),
    Key(
      "services.*.backends.docker", .section, .described("none"),
      "The running containers that have a label, by the Docker Engine's API. Whoever may use its socket may do anything on the machine."
    ),
    Key(
      \DockerContainers.label, "services.*.backends.docker.label", .text(.line), .required,
      "`certd.service=chat`, or a name alone."),
    Key(
      \DockerContainers.port, "services.*.backends.docker.port", .integer(1...65_535),
      .described("the only one that is exposed"), "The port in the container."),
    Key(
      \DockerContainers.socket, "services.*.backends.docker.socket", .text(.path),
      "The engine's socket."),
  ]
}
