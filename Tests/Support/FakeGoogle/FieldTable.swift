/// The members that Google's discovery documents (Compute v1, Certificate Manager v1, Public CA v1) know for
/// each kind of body, with their types: `s` text, `i` whole number, `n` number, `l` whole number that may be
/// quoted, `b` truth value, `e(A|B)` one of those words, `[T` a list, `{s` a map, `any` not looked at, or the
/// name of a row. A minus sign stands before members that only answers have; Google ignores them in requests.
enum FieldTable {
  /// A member of a body.
  struct Member: Sendable {
    let type: String
    let isOutput: Bool
  }

  /// Row by name, member by name.
  static let rows: [String: [String: Member]] = {
    var rows: [String: [String: Member]] = [:]
    var name = ""
    var words = text.split(whereSeparator: \.isWhitespace).map(String.init)[...]
    while let word = words.popFirst() {
      if words.first == "=" {
        name = word
        rows[name] = [:]
        words = words.dropFirst()
      } else if word.hasPrefix("-") {
        rows[name]?[String(word.dropFirst())] = Member(type: "any", isOutput: true)
      } else {
        let parts = word.split(separator: ":", maxSplits: 1).map(String.init)
        rows[name]?[parts[0]] = Member(type: parts.last ?? "any", isOutput: false)
      }
    }
    return rows
  }()

  private static let text = """
    SslCertificate = certificate:s -creationTimestamp description:s -expireTime -id -kind
      managed:Managed name:s privateKey:s -region -selfLink selfManaged:SelfManaged
      -subjectAlternativeNames type:e(MANAGED|SELF_MANAGED|TYPE_UNSPECIFIED)
    Managed = -domainStatus domains:[s -status
    SelfManaged = certificate:s privateKey:s
    TargetHttpsProxy = authorizationPolicy:s certificateMap:s -creationTimestamp description:s
      fingerprint:s httpKeepAliveTimeoutSec:i -id -kind name:s proxyBind:b
      quicOverride:e(DISABLE|ENABLE|NONE) -region -selfLink serverTlsPolicy:s sslCertificates:[s
      sslPolicy:s tlsEarlyData:e(DISABLED|PERMISSIVE|STRICT|UNRESTRICTED) urlMap:s
    TargetHttpProxy = -creationTimestamp description:s fingerprint:s httpKeepAliveTimeoutSec:i -id -kind
      name:s proxyBind:b -region -selfLink urlMap:s
    TargetSslProxy = certificateMap:s -creationTimestamp description:s -id -kind name:s
      proxyHeader:e(NONE|PROXY_V1) -selfLink service:s sslCertificates:[s sslPolicy:s
    UrlMap = -creationTimestamp defaultCustomErrorResponsePolicy:any defaultRouteAction:HttpRouteAction
      defaultService:s defaultUrlRedirect:HttpRedirectAction description:s fingerprint:s
      headerAction:HttpHeaderAction hostRules:[HostRule -id -kind name:s pathMatchers:[PathMatcher
      -region -selfLink -status tests:[UrlMapTest
    PathMatcher = defaultCustomErrorResponsePolicy:any defaultRouteAction:HttpRouteAction
      defaultService:s defaultUrlRedirect:HttpRedirectAction description:s headerAction:HttpHeaderAction
      name:s pathRules:[PathRule routeRules:[HttpRouteRule
    HostRule = description:s hosts:[s pathMatcher:s
    PathRule = customErrorResponsePolicy:any paths:[s routeAction:HttpRouteAction service:s
      urlRedirect:HttpRedirectAction
    HttpRouteRule = customErrorResponsePolicy:any description:s headerAction:HttpHeaderAction
      matchRules:[HttpRouteRuleMatch priority:i routeAction:HttpRouteAction service:s
      urlRedirect:HttpRedirectAction
    HttpRouteRuleMatch = fullPathMatch:s headerMatches:[HttpHeaderMatch ignoreCase:b
      metadataFilters:[any pathTemplateMatch:s prefixMatch:s queryParameterMatches:[any regexMatch:s
    HttpHeaderMatch = exactMatch:s headerName:s invertMatch:b prefixMatch:s presentMatch:b
      rangeMatch:any regexMatch:s suffixMatch:s
    HttpRouteAction = cachePolicy:any corsPolicy:any dynamicCompressionPolicy:any
      faultInjectionPolicy:any imageOptimizationPolicy:any maxStreamDuration:Duration
      requestMirrorPolicy:any retryPolicy:any timeout:Duration urlRewrite:UrlRewrite
      weightedBackendServices:[WeightedBackendService
    HttpRedirectAction = hostRedirect:s httpsRedirect:b pathRedirect:s prefixRedirect:s
      redirectResponseCode:e(FOUND|MOVED_PERMANENTLY_DEFAULT|PERMANENT_REDIRECT|SEE_OTHER|TEMPORARY_REDIRECT)
      stripQuery:b
    WeightedBackendService = backendService:s headerAction:HttpHeaderAction weight:i
    HttpHeaderAction = requestHeadersToAdd:[HttpHeaderOption requestHeadersToRemove:[s
      responseHeadersToAdd:[HttpHeaderOption responseHeadersToRemove:[s
    HttpHeaderOption = headerName:s headerValue:s replace:b
    UrlRewrite = hostRewrite:s pathPrefixRewrite:s pathTemplateRewrite:s regexRewrite:any
    UrlMapTest = description:s expectedOutputUrl:s expectedRedirectResponseCode:i headers:[any host:s
      path:s service:s
    BackendService = affinityCookieTtlSec:i backends:[Backend cdnPolicy:any circuitBreakers:any
      compressionMode:e(AUTOMATIC|DISABLED) connectionDraining:ConnectionDraining
      connectionTrackingPolicy:any consistentHash:any -creationTimestamp customMetrics:[any
      customRequestHeaders:[s customResponseHeaders:[s description:s dynamicForwarding:any
      -edgeSecurityPolicy enableCDN:b
      externalManagedMigrationState:e(PREPARE|TEST_ALL_TRAFFIC|TEST_BY_PERCENTAGE)
      externalManagedMigrationTestingPercentage:n failoverPolicy:any fingerprint:s haPolicy:any
      healthChecks:[s iap:any -id
      ipAddressSelectionPolicy:e(IPV4_ONLY|IPV6_ONLY|IP_ADDRESS_SELECTION_POLICY_UNSPECIFIED|PREFER_IPV6)
      -kind loadBalancingScheme:s localityLbPolicies:[any localityLbPolicy:s
      logConfig:BackendServiceLogConfig maxStreamDuration:Duration metadatas:{s name:s network:s
      networkPassThroughLbTrafficPolicy:any orchestrationInfo:any outlierDetection:any params:any port:i
      portName:s protocol:e(GRPC|H2C|HTTP|HTTP2|HTTPS|SSL|TCP|UDP|UNSPECIFIED) -region -securityPolicy
      securitySettings:any -selfLink serviceBindings:[s serviceLbPolicy:s sessionAffinity:s
      strongSessionAffinityCookie:any subsetting:any timeoutSec:i tlsSettings:any -usedBy
    Backend = balancingMode:e(CONNECTION|CUSTOM_METRICS|IN_FLIGHT|RATE|UTILIZATION) capacityScaler:n
      customMetrics:[any description:s failover:b group:s maxConnections:i maxConnectionsPerEndpoint:i
      maxConnectionsPerInstance:i maxInFlightRequests:i maxInFlightRequestsPerEndpoint:i
      maxInFlightRequestsPerInstance:i maxRate:i maxRatePerEndpoint:n maxRatePerInstance:n
      maxUtilization:n orchestrationInfo:any preference:e(DEFAULT|PREFERENCE_UNSPECIFIED|PREFERRED)
      trafficDuration:e(LONG|SHORT|TRAFFIC_DURATION_UNSPECIFIED)
    ConnectionDraining = drainingTimeoutSec:i
    BackendServiceLogConfig = enable:b loggingHttpRequestHeaders:[any loggingHttpResponseHeaders:[any
      optionalFields:[s optionalMode:e(CUSTOM|EXCLUDE_ALL_OPTIONAL|INCLUDE_ALL_OPTIONAL) sampleRate:n
    Duration = nanos:i seconds:l
    HealthCheck = checkIntervalSec:i -creationTimestamp description:s grpcHealthCheck:GRPCHealthCheck
      grpcTlsHealthCheck:GRPCTLSHealthCheck healthyThreshold:i http2HealthCheck:HTTP2HealthCheck
      httpHealthCheck:HTTPHealthCheck httpsHealthCheck:HTTPSHealthCheck -id -kind
      logConfig:HealthCheckLogConfig name:s -region -selfLink sourceRegions:[s
      sslHealthCheck:SSLHealthCheck tcpHealthCheck:TCPHealthCheck timeoutSec:i
      type:e(GRPC|GRPC_WITH_TLS|HTTP|HTTP2|HTTPS|INVALID|SSL|TCP) unhealthyThreshold:i
    HTTPHealthCheck = host:s port:i portName:s
      portSpecification:e(USE_FIXED_PORT|USE_NAMED_PORT|USE_SERVING_PORT) proxyHeader:e(NONE|PROXY_V1)
      requestPath:s response:s
    HTTPSHealthCheck = host:s port:i portName:s
      portSpecification:e(USE_FIXED_PORT|USE_NAMED_PORT|USE_SERVING_PORT) proxyHeader:e(NONE|PROXY_V1)
      requestPath:s response:s
    HTTP2HealthCheck = host:s port:i portName:s
      portSpecification:e(USE_FIXED_PORT|USE_NAMED_PORT|USE_SERVING_PORT) proxyHeader:e(NONE|PROXY_V1)
      requestPath:s response:s
    TCPHealthCheck = port:i portName:s
      portSpecification:e(USE_FIXED_PORT|USE_NAMED_PORT|USE_SERVING_PORT) proxyHeader:e(NONE|PROXY_V1)
      request:s response:s
    SSLHealthCheck = port:i portName:s
      portSpecification:e(USE_FIXED_PORT|USE_NAMED_PORT|USE_SERVING_PORT) proxyHeader:e(NONE|PROXY_V1)
      request:s response:s
    GRPCHealthCheck = grpcServiceName:s port:i portName:s
      portSpecification:e(USE_FIXED_PORT|USE_NAMED_PORT|USE_SERVING_PORT)
    GRPCTLSHealthCheck = grpcServiceName:s port:i
      portSpecification:e(USE_FIXED_PORT|USE_NAMED_PORT|USE_SERVING_PORT)
    HealthCheckLogConfig = enable:b
    NetworkEndpointGroup = annotations:{s appEngine:any cloudFunction:any cloudRun:any
      -creationTimestamp defaultPort:i description:s -id -kind name:s network:s networkEndpointType:s
      pscData:any pscTargetService:s -region -selfLink -size subnetwork:s -zone
    NetworkEndpoint = annotations:{s clientDestinationPort:i fqdn:s instance:s ipAddress:s ipv6Address:s
      port:i
    InstanceGroup = -creationTimestamp description:s -fingerprint -id -kind name:s namedPorts:[NamedPort
      -network -region -selfLink -size -subnetwork -zone
    NamedPort = name:s port:i
    Address = address:s addressType:e(EXTERNAL|INTERNAL|UNSPECIFIED_TYPE) -creationTimestamp
      description:s -id ipCollection:s ipVersion:e(IPV4|IPV6|UNSPECIFIED_VERSION)
      ipv6EndpointType:e(NETLB|VM) -kind labelFingerprint:s labels:{s name:s network:s
      networkAttachment:s
      networkTier:e(FIXED_STANDARD|PREMIUM|STANDARD|STANDARD_OVERRIDES_FIXED_STANDARD) prefixLength:i
      purpose:s -region -selfLink serviceClassId:s -status subnetwork:s -users
    ForwardingRule = IPAddress:s IPAddresses:[s IPProtocol:e(AH|ESP|ICMP|L3_DEFAULT|SCTP|TCP|UDP)
      allPorts:b allowGlobalAccess:b allowPscGlobalAccess:b -attachedExtensions -availabilityGroup
      backendService:s -baseForwardingRule -childForwardingRules -creationTimestamp description:s
      externalManagedBackendBucketMigrationState:e(PREPARE|TEST_ALL_TRAFFIC|TEST_BY_PERCENTAGE)
      externalManagedBackendBucketMigrationTestingPercentage:n fingerprint:s -id ipCollection:s
      ipVersion:e(IPV4|IPV6|UNSPECIFIED_VERSION) isMirroringCollector:b -kind labelFingerprint:s
      labels:{s loadBalancingScheme:s metadataFilters:[any name:s network:s
      networkTier:e(FIXED_STANDARD|PREMIUM|STANDARD|STANDARD_OVERRIDES_FIXED_STANDARD)
      noAutomateDnsZone:b -parentForwardingRule portRange:s ports:[s -pscConnectionId
      -pscConnectionStatus -region -selfLink -selfLinkWithId serviceDirectoryRegistrations:[any
      serviceLabel:s -serviceName sourceIpRanges:[s subnetwork:s target:s
    SslPolicy = -creationTimestamp customFeatures:[s description:s -enabledFeatures fingerprint:s -id
      -kind minTlsVersion:e(TLS_1_0|TLS_1_1|TLS_1_2|TLS_1_3) name:s
      postQuantumKeyExchange:e(DEFAULT|DEFERRED|ENABLED)
      profile:e(COMPATIBLE|CUSTOM|FIPS_202205|MODERN|RESTRICTED) -region -selfLink -warnings
    attachNetworkEndpoints = networkEndpoints:[NetworkEndpoint
    detachNetworkEndpoints = networkEndpoints:[NetworkEndpoint
    listNetworkEndpoints = healthStatus:e(SHOW|SKIP)
    setBackendService = service:s
    setCertificateMap = certificateMap:s
    setLabels = labelFingerprint:s labels:{s
    setNamedPorts = fingerprint:s namedPorts:[NamedPort
    setProxyHeader = proxyHeader:e(NONE|PROXY_V1)
    setQuicOverride = quicOverride:e(DISABLE|ENABLE|NONE)
    setSslCertificates = sslCertificates:[s
    setSslPolicy = sslPolicy:s
    setTarget = target:s
    setUrlMap = urlMap:s
    validate = resource:UrlMap loadBalancingSchemes:[s
    wait =
    CM.Certificate = -createTime description:s -expireTime labels:{s managed:any managedIdentity:any
      name:s -pemCertificate -sanDnsnames scope:e(DEFAULT|EDGE_CACHE|ALL_REGIONS|CLIENT_AUTH)
      selfManaged:CM.SelfManagedCertificate tags:{s -updateTime -usedBy
    CM.CertificateMap = -createTime description:s -gclbTargets labels:{s name:s tags:{s -updateTime
    CM.CertificateMapEntry = certificates:[s -createTime description:s hostname:s labels:{s
      matcher:e(MATCHER_UNSPECIFIED|PRIMARY) name:s -state -updateTime
    CM.SelfManagedCertificate = pemCertificate:s pemPrivateKey:s
    ExternalAccountKey = -name -keyId -b64MacKey
    """
}
