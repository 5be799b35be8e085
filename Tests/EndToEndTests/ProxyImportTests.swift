import EndToEnd
import TestRun
import Testing

/// `certd import nginx|caddyfile|haproxy`: what comes out passes `certd check`, and answers as the other program does.
@Suite(.ownThread) struct ProxyImportTests {
  /// Three servers that tell their names, a certificate, and two ports.
  struct Scene {
    let place: Place
    let certd: Certd
    let files: TestCertificates.Files
    let secure: UInt16
    let plain: UInt16
    let servers: [String: String]
    private let child: Child

    init() async throws {
      place = try Place()
      certd = try Certd(place)
      files = try TestCertificates(place, "site").issue(["a.example.com", "b.example.com"], called: "site")
      (secure, plain) = (try FreePort.take(), try FreePort.take())
      let script = "\(Place.package)/Tests/Support/EndToEnd/clients/named_servers.py"
      let started = try await place.start(["python3", script, "one", "two", "three"], called: "servers")
      try await eventually("the servers: \(started.errors)") { started.output.contains("ready") }
      var found: [String: String] = [:]
      for line in started.output.split(separator: "\n") {
        let words = line.split(separator: " ")
        if words.count == 2 { found[String(words[0])] = "127.0.0.1:\(words[1])" }
      }
      (servers, child) = (found, started)
    }

    /// The answers of whoever has the port now.
    func answers(_ requests: [(host: String, path: String)]) async throws -> [String] {
      var all: [String] = []
      for (host, path) in requests {
        let done = try await place.run(
          [
            "curl", "-sk", "--retry", "20", "--retry-connrefused", "--retry-delay", "1", "-w", "%{http_code}",
            "--resolve", "\(host):\(secure):127.0.0.1", "https://\(host):\(secure)\(path)",
          ], called: "curl")
        all.append(
          "\(host)\(path): \(done.output.hasSuffix("200") ? done.output : String(done.output.suffix(3)))")
      }
      return all
    }

    /// Runs the other program, then certd by what was made of its file; both must answer alike.
    func compare(
      _ program: String, _ file: String, check: [String], run: [String], _ requests: [(String, String)]
    ) async throws -> Place.Finished {
      let made = try await certd("import", program, file, "--write", place("certd.yaml"))
      #expect(made.ending == .exited(0), "\(made)")
      let checked = try await certd("check", "--config", place("certd.yaml"))
      #expect(checked.ending == .exited(0), "\(checked)\n\(place.read("certd.yaml"))")
      guard TakeoverTests.isInstalled(run[0]) else {
        print("\(run[0]) is missing: answers are not compared")
        return made
      }
      let valid = try await place.run(check, called: "check")
      #expect(valid.ending == .exited(0), "\(valid)")
      let other = try await place.start(run, environment: ["HOME": place("home")], called: program)
      let theirs = try await answers(requests)
      #expect(other.ending == nil, "\(other.errors)")
      other.signal(15)
      _ = try await other.end()
      let daemon = try await certd.run(["--config", place("certd.yaml"), "--store", place("store")])
      let ours = try await answers(requests)
      #expect(ours == theirs, "\(daemon.log)\n\(place.read("certd.yaml"))")
      _ = try await daemon.stop()
      return made
    }
  }

  @Test("nginx: servers, locations and upstreams become routes and services that answer alike")
  func nginx() async throws {
    let scene = try await Scene()
    let (one, two, three) = (
      scene.servers["one"] ?? "", scene.servers["two"] ?? "", scene.servers["three"] ?? ""
    )
    try scene.place.write("extra.conf", "location /extra/ { proxy_pass http://\(three); }\n")
    let file = try scene.place.write(
      "nginx.conf",
      """
      daemon off; pid \(scene.place("nginx.pid")); error_log stderr;
      events {}
      http {
        access_log off;
        client_body_temp_path \(scene.place("t1")); proxy_temp_path \(scene.place("t2"));
        fastcgi_temp_path \(scene.place("t3")); uwsgi_temp_path \(scene.place("t4")); scgi_temp_path \(scene.place("t5"));
        upstream pool { least_conn; server \(two) weight=3 max_fails=2; server \(two) down; keepalive 4; }
        server { listen \(scene.plain); server_name a.example.com; return 301 https://$host$request_uri; }
        server {
          listen 127.0.0.1:\(scene.secure) ssl; server_name a.example.com;   # the site
          ssl_certificate \(scene.files.certificate); ssl_certificate_key \(scene.files.key);
          client_max_body_size 10m;
          include extra.conf;
          location / {
            proxy_pass http://\(one); proxy_set_header Host $http_host; proxy_set_header X-Set "fixed value";
            proxy_read_timeout 300s;
          }
          location /api/ {
            proxy_pass http://\(two)/; proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";
          }
          location /moved/ { proxy_pass http://\(two)/to/; }
          location = /exact { proxy_pass http://\(three); }
          location /pool/ { proxy_pass http://pool; proxy_set_header Host $http_host; }
          location ~ \\.php$ { return 404; }
        }
      }
      """)
    let made = try await scene.compare(
      "nginx", file, check: ["nginx", "-t", "-c", file, "-p", scene.place("")],
      run: ["nginx", "-c", file, "-p", scene.place("")],
      [
        ("a.example.com", "/"), ("a.example.com", "/x?q=1"), ("a.example.com", "/api/v1?x"),
        ("a.example.com", "/moved/a"), ("a.example.com", "/exact"), ("a.example.com", "/exact/no"),
        ("a.example.com", "/pool/a"), ("a.example.com", "/extra/a"),
      ])
    for words in [
      "nginx.conf:12: not carried, or worth a look: client_max_body_size 10m", ":25: ", "location ~ \\.php$",
      "max_fails=2",
    ] { #expect(made.errors.contains(words), "\(words): \(made.errors)") }
    let text = scene.place.read("certd.yaml")
    #expect(text.contains("redirect: https") && text.contains("policy: least-request"), "\(text)")
    #expect(text.contains("response_head: 300s"), "\(text)")
  }

  @Test("Caddyfile: sites, matchers and reverse_proxy become routes and services that answer alike")
  func caddyfile() async throws {
    let scene = try await Scene()
    let (one, two, three) = (
      scene.servers["one"] ?? "", scene.servers["two"] ?? "", scene.servers["three"] ?? ""
    )
    let file = try scene.place.write(
      "Caddyfile",
      """
      {
        admin off
        http_port \(scene.plain)
        https_port \(scene.secure)
      }
      (common) {
        encode gzip
      }
      a.example.com {
        tls \(scene.files.certificate) \(scene.files.key)
        import common
        handle_path /api/* {
          reverse_proxy \(two)
        }
        @exact path /exact /other
        handle @exact {
          reverse_proxy \(three)
        }
        reverse_proxy /never \(three)
        handle {
          reverse_proxy {
            to \(one)
            lb_policy least_conn
            header_up X-Set "fixed value"
            health_uri /health
            health_interval 2s
          }
        }
        basicauth /secret/* {
          ops JDJhJDEw
        }
      }
      b.example.com {
        tls \(scene.files.certificate) \(scene.files.key)
        reverse_proxy \(three) {
          header_up Host {upstream_hostport}
        }
      }
      """)
    let made = try await scene.compare(
      "caddyfile", file, check: ["true"],
      run: ["caddy", "run", "--config", file, "--adapter", "caddyfile"],
      [
        ("a.example.com", "/"), ("a.example.com", "/api/v1?x"), ("a.example.com", "/exact"),
        ("a.example.com", "/exactly"), ("a.example.com", "/never"),
        ("a.example.com", "/secret/a"), ("b.example.com", "/b"),
      ])
    #expect(made.errors.contains("Caddyfile:29: not carried, or worth a look: basicauth"), "\(made.errors)")
    let text = scene.place.read("certd.yaml")
    #expect(text.contains("compression: true") && text.contains(#"path: /health"#), "\(text)")
    #expect(text.contains(#"address: ":\#(scene.plain)", redirect: https"#), "\(text)")
  }

  @Test("HAProxy: frontends, acls and backends become routes and services that answer alike")
  func haproxy() async throws {
    let scene = try await Scene()
    let (one, two, three) = (
      scene.servers["one"] ?? "", scene.servers["two"] ?? "", scene.servers["three"] ?? ""
    )
    _ = try await scene.place.run(
      ["sh", "-c", "cat \(scene.files.certificate) \(scene.files.key) > both.pem"], called: "cat")
    let file = try scene.place.write(
      "haproxy.cfg",
      """
      global
          maxconn 100
      defaults
          mode http
          timeout connect 5s
          timeout client 30s
          timeout server 120s
          option httplog
      frontend web
          bind :\(scene.plain)
          bind 127.0.0.1:\(scene.secure) ssl crt \(scene.place("both.pem")) alpn h2,http/1.1
          http-request redirect scheme https unless { ssl_fc }
          acl is_api path_beg /api/
          acl is_b hdr(host) -i b.example.com b.example.com:\(scene.secure)
          acl is_post method POST
          use_backend three if is_b
          use_backend two if is_api
          use_backend two if { path /exact }
          use_backend three if is_post
          default_backend one
      backend one
          balance leastconn
          option httpchk GET /health
          http-check expect status 200
          http-request set-header X-Set "fixed value"
          server s1 \(one) check weight 2 inter 500ms
      backend two
          balance source
          server s1 \(two)
      backend three
          server s1 \(three)
          server s2 127.0.0.1:1 disabled

      """)
    let made = try await scene.compare(
      "haproxy", file, check: ["haproxy", "-c", "-f", file], run: ["haproxy", "-db", "-f", file],
      [
        ("a.example.com", "/"), ("a.example.com", "/api/v1?x"), ("a.example.com", "/exact"),
        ("b.example.com", "/b"),
      ])
    for words in [
      "haproxy.cfg:15: not carried", "haproxy.cfg:19: not carried", "haproxy.cfg:32: not carried",
    ] {
      #expect(made.errors.contains(words), "\(words): \(made.errors)")
    }
    let text = scene.place.read("certd.yaml")
    #expect(text.contains("policy: ring-hash") && text.contains("expect: 200"), "\(text)")
  }

  @Test(
    "a file that is not understood is told with its line",
    arguments: [
      ("nginx", "http {\n  server {\n", "1:"), ("nginx", "server { listen 80 }\n", "1:"),
      ("caddyfile", "a.example.com {\n  reverse_proxy \"x\n}\n", "2:"), ("caddyfile", "}\n", "1:"),
      ("haproxy", "bind :80\n", "1:"), ("nginx", "", "nothing in it passes"),
      ("haproxy", "", "nothing in it passes"),
    ])
  func notUnderstood(program: String, text: String, words: String) async throws {
    let place = try Place()
    let file = try place.write("input", text)
    let done = try await Certd(place)("import", program, file)
    #expect(done.ending == .exited(1) && done.errors.contains(words), "\(done)")
  }

  @Test(
    "what asked who somebody is, or let only some in, is never open to everybody afterwards",
    arguments: [
      (
        "nginx",
        "server { listen 80; auth_basic x; location / { proxy_pass http://127.0.0.1:1; }\n"
          + "location /open/ { auth_basic off; proxy_pass http://127.0.0.1:1; } }\n", ["/*", "-/open/*"]
      ),
      (
        "nginx",
        "server { listen 80; location / { proxy_pass http://127.0.0.1:1; }\nlocation = /metrics { deny all; }\n"
          + "location /admin/ { return 403; } }\n", ["-/*", "/metrics", "/admin/*"]
      ),
      ("caddyfile", "http://a.example.com {\nbasic_auth {\nx y\n}\nreverse_proxy 127.0.0.1:1\n}\n", ["/*"]),
      (
        "caddyfile",
        "http://a.example.com {\nbasic_auth /secret/* {\nx y\n}\nhandle /secret/in/* {\nreverse_proxy 127.0.0.1:1\n}\n"
          + "reverse_proxy 127.0.0.1:1\n}\n", ["-/*", "/secret/*", "/secret/in/*"]
      ),
      (
        "haproxy",
        "frontend f\nbind :80\nhttp-request deny if { src 10.0.0.0/8 }\ndefault_backend b\nbackend b\n"
          + "server s 127.0.0.1:1\n", ["/*"]
      ),
    ])
  func guarded(program: String, text: String, paths: [String]) async throws {
    let place = try Place()
    let certd = try Certd(place)
    let made = try await certd("import", program, place.write("input", text), "--write", place("certd.yaml"))
    #expect(made.ending == .exited(0), "\(made)")
    #expect(try await certd("check", "--config", place("certd.yaml")).ending == .exited(0))
    let routes = place.read("certd.yaml").split(separator: "  - service: ").dropFirst()
    for path in paths {
      let isOpen = path.hasPrefix("-")
      let bare = isOpen ? String(path.dropFirst()) : path
      let route = routes.first { bare == "/*" ? !$0.contains("paths:") : $0.contains(bare) }
      #expect(route?.contains("keys: clients") == !isOpen, "\(path): \(place.read("certd.yaml"))")
    }
  }
}
