internal import GCP

extension KeyTable {
  static let loadBalancer: [Key] = [
    Key(
      "gcp.load_balancer", .section, .described("none is made"),
      "A load balancer of Google's in front of the services, made from the routes by `certd gcp apply` "
        + "(see gcp-load-balancer.md)."),
    Key(
      "gcp.load_balancer.name", .text(.cloudName), .required,
      "What the names of its resources begin with: `edge` gives `edge-map`, `edge-proxy` and so on."),
    Key(
      \LoadBalancerSettings.kind, "gcp.load_balancer.kind", .choice(of: ChainSettings.Kind.self),
      "`https` is a target HTTPS proxy with a URL map; `ssl` a target SSL proxy in front of one service that speaks "
        + "`tcp` or `tls`."),
    Key(
      \LoadBalancerSettings.region, "gcp.load_balancer.region", .text(.cloudName),
      .described("a global load balancer"),
      "Region of a regional external Application Load Balancer: its backend services, URL map, proxies, rules, address "
        + "and certificates are made there. The network needs a proxy-only subnet in that region."),
    Key(
      \LoadBalancerSettings.network, "gcp.load_balancer.network", .text(.cloudName),
      .described("`\(LoadBalancerSettings().network)`"),
      "With `region`: name of the network that Google's proxies reach the backends from."),
    Key(
      \LoadBalancerSettings.ipv6Address, "gcp.load_balancer.ipv6_address", .text(.cloudName),
      .described("IPv4 only"),
      "Name of a global IPv6 address beside the other one, with rules of its own; made when it is not there, and never "
        + "removed."),
    Key(
      "gcp.load_balancer.address", .text(.cloudName), .described("the name with `-ip`"),
      "Name of the address (global, or in `region`); made when it is not there, and never removed."),
    Key(
      \LoadBalancerSettings.redirect, "gcp.load_balancer.redirect", .boolean,
      "Redirects port 80 to HTTPS with status 308."),
    Key(
      "gcp.load_balancer.names", .named(of: .text(.cloudName), maximumCount: 1000),
      .described("all begin with `name`"),
      "What some of its resources are called in place of their usual names, by kind and usual name: `urlMaps/edge-map: "
        + "web-map`. For resources that were there before, as `certd gcp import` writes it."),
    Key(
      \LoadBalancerSettings.sslPolicy, "gcp.load_balancer.ssl_policy", .text(.cloudName),
      .described("Google's default"),
      "Name of an existing SSL policy."),
    Key(
      "gcp.load_balancer.target", .choice(of: Target.Route.self),
      .described("`gcp.target`"),
      "By which way certificates reach its proxy: `classic` (at most 15), or `certificate-manager` (at most 100), which "
        + "gives a global proxy a certificate map and a regional one the certificates themselves."),
    Key(
      \LoadBalancerSettings.sessionAffinity, "gcp.load_balancer.session_affinity",
      .choice(of: LoadBalancerSettings.Affinity.self),
      .described("left as it is: neither policy keeps a client at one backend"),
      "What keeps a client at one backend."),
    Key(
      "gcp.load_balancer.certificates", .list(of: .text(.name), maximumCount: 100),
      .described("those of the routes' hosts"),
      "Names of certificates, the first for clients that send no server name."),
    Key(
      \LoadBalancerSettings.timeout, "gcp.load_balancer.timeout", .duration(1000...86_400_000, off: false),
      .described(
        "`response_head` and `first_byte` of the service together, a day where one is `off`; of `tcp` and "
          + "`tls`: `idle`, or an hour"),
      "The longest response as a whole: Google has no limit between two bytes as certd has, so that the longest "
        + "stream counts here."),
    Key(
      "gcp.load_balancer.groups", .named(of: .list(of: .section, maximumCount: 50), maximumCount: 1000),
      .described("one internet endpoint for a service whose one backend is public"),
      "By service: the groups in which Google finds its backends."),
    Key(
      "gcp.load_balancer.groups.*[].instance_group", .text(.cloudPath), .described("none"),
      "An existing instance group, `zones/us-central1-a/instanceGroups/vllm` or `regions/…`."),
    Key(
      "gcp.load_balancer.groups.*[].neg", .text(.cloudPath), .described("none"),
      "An existing network endpoint group, `zones/us-central1-a/networkEndpointGroups/chat` or `global/…`."),
    Key(
      "gcp.load_balancer.groups.*[].make_neg", .section, .described("none"),
      "A network endpoint group that certd makes of the service's own backends."),
    Key(
      \MadeEndpointGroup.type, "gcp.load_balancer.groups.*[].make_neg.type",
      .choice(of: ChainEndpoints.Kind.self),
      .described(
        "`GCE_VM_IP_PORT` with `instances`; `NON_GCP_PRIVATE_IP_PORT`, with a warning, with a zone alone; else by the backend "
          + "`INTERNET_IP_PORT` or `INTERNET_FQDN_PORT`"),
      "What its endpoints are."),
    Key(
      \MadeEndpointGroup.zone, "gcp.load_balancer.groups.*[].make_neg.zone", .text(.cloudName),
      .described("none: on the internet"),
      "Its zone, for instance `us-central1-a`."),
    Key(
      \MadeEndpointGroup.network, "gcp.load_balancer.groups.*[].make_neg.network", .text(.cloudName),
      "Network that the addresses are in."),
    Key(
      "gcp.load_balancer.groups.*[].make_neg.subnetwork", .text(.cloudPath), .described("Google's choice"),
      "Part of the network, `regions/us-central1/subnetworks/models`."),
    Key(
      "gcp.load_balancer.groups.*[].make_neg.instances",
      .named(of: .text(.cloudName), maximumCount: 1000), .described("none"),
      "With `GCE_VM_IP_PORT`: the name of the instance that has each backend's address, `10.0.0.11: vllm-1`."),
    Key(
      "gcp.load_balancer.groups.*[].max_utilization", .text(.share),
      .described("`0.8` for instance groups"),
      "Share of CPU from which on an instance group is full."),
    Key(
      \LoadBalancerGroup.maxRate, "gcp.load_balancer.groups.*[].max_rate", .integer(1...1_000_000),
      .described("1000 for network endpoint groups behind HTTP"),
      "Requests a second of each instance or endpoint from which on it is full."),
    Key(
      \LoadBalancerGroup.maxConnections, "gcp.load_balancer.groups.*[].max_connections",
      .integer(1...10_000_000),
      .described("10000 for network endpoint groups behind `tcp` and `tls`"),
      "Connections of each instance or endpoint from which on it is full."),
    Key(
      \LoadBalancerGroup.namedPort, "gcp.load_balancer.groups.*[].named_port", .text(.cloudName),
      .described("`http`"),
      "The instance group's named port that the backends listen on."),
  ]
}
