import Bytes
import Fleet
import CertStore
import Configuration
import HTTPClient
import OS
import PKI
import Proxy
import Renewal
import TLS
import Telemetry

// Renewal inside the daemon, and putting what is new to use.
extension Daemon {
  /// Starts one look at all certificates, or remembers to do it after the one under way.
  func renew() {
    wake?.cancel()
    guard !isRenewing else {
      renewAgain = true
      return
    }
    isRenewing = true
    if plan.configuration.traces != nil { RenewalTrace.ofProcess.begin() }
    let (executor, managed, post) = (plan.executor, plan.managed, post)
    Task { post.yield(.renewed(await executor.run(managed))) }
  }

  /// Load balancers that the configuration names now may not have what is stored already.
  func queueGoogleCloud() async {
    // Of several nodes one is enough.
    if let fleet, await !fleet.isFirst { return }
    do throws(StoreError) { try store.queueGoogleCloud(plan.configuration) } catch {
      log.warn("renewal", ["reason": .describing(error)])
    }
  }

  func finished(_ report: Report) async {
    isRenewing = false
    RenewalTrace.ofProcess.end(report)
    await presentStore()
    remember(report)
    for deploy in report.deploys {
      if let failure = deploy.failure {
        log.error(
          "\(deploy.what) failed",
          [
            "name": .text(deploy.name), "reason": .text(failure),
            "next_attempt": .text(deploy.nextAttemptAt.map { "\($0)" } ?? "none"),
          ])
      } else if let why = deploy.whyNothing {
        log.info("\(deploy.what): nothing to do", ["name": .text(deploy.name), "reason": .text(why)])
      } else {
        log.info("\(deploy.what) done", ["name": .text(deploy.name)])
      }
    }
    for warning in report.warnings { log.warn("renewal", ["reason": .text(warning)]) }
    if renewAgain {
      renewAgain = false
      return renew()
    }
    sleepUntil(report.nextWakeAt)
  }

  /// One certificate's outcome, as soon as it is known: others and the hooks may take long.
  func decided(_ entry: Report.Entry) async {
    tell(entry)
    note(entry)
    switch entry.outcome {
    case .failed(let why):
      failing.insert("\(entry.name)")
      failures["\(entry.name)"] = why
    case .renewed, .notDue:
      failing.remove("\(entry.name)")
      failures["\(entry.name)"] = nil
    case .waiting, .skipped, .wouldRenew: break
    }
    if case .renewed = entry.outcome { await presentStore() }
  }

  /// For who asks: a look at which nothing was due is no attempt.
  private func note(_ entry: Report.Entry) {
    let name = "\(entry.name)"
    // What was read before it is not so any more.
    outlook = nil
    let before = attempts[name]
    switch entry.outcome {
    case .renewed: attempts[name] = ("success", World.now(), nil)
    case .failed: attempts[name] = ("failure", World.now(), nil)
    case .notDue(let until), .waiting(let until, _):
      attempts[name] = (before?.result ?? "none", before?.at ?? startedAt, until)
    case .skipped, .wouldRenew: break
    }
  }

  private func tell(_ entry: Report.Entry) {
    let name = LogValue.describing(entry.name)
    switch entry.outcome {
    case .renewed(let generation, let notAfter, let reason):
      for remark in entry.remarks { log.warn("issuer passed over", ["name": name, "reason": .text(remark)]) }
      log.info(
        "certificate obtained",
        [
          "name": name, "issuer": .text(entry.issuer ?? ""), "generation": .number(generation),
          "valid_until": .describing(notAfter),
          "reason": .text(reason.rawValue),
        ])
    case .failed(let why): log.error("certificate not obtained", ["name": name, "reason": .text(why)])
    case .waiting(let until, let why):
      log.warn("certificate waits", ["name": name, "until": .describing(until), "reason": .text(why)])
    case .skipped(let why): log.info("certificate skipped", ["name": name, "reason": .text(why)])
    case .notDue(let until): log.debug("certificate not due", ["name": name, "until": .describing(until)])
    case .wouldRenew: break
    }
  }

  /// What was asked for by flags is kept, so that `certd renew` needs none.
  private func remember(_ report: Report) {
    guard case .flags(let flags) = source else { return }
    for entry in report.certificates {
      guard let wanted = plan.managed.first(where: { $0.name == entry.name }) else { continue }
      switch entry.outcome {
      case .renewed: break
      // Obtained by somebody else, who has kept nothing.
      case .notDue where !IssuedRequest.isKept(store, wanted.name): break
      default: continue
      }
      let request = IssuedRequest(
        names: wanted.identifiers.map(\.description), issuer: flags.issuer, roots: flags.roots,
        email: flags.email, agreesToTerms: flags.agreesToTerms, httpAddress: flags.httpAddress ?? "off",
        keyType: wanted.keyType.rawValue, hooks: [], dnsProgram: flags.dnsProgram,
        externalAccountKeyID: flags.externalAccountKeyID,
        externalAccountKeyFile: flags.externalAccountKeyFile)
      do throws(SetupError) { try request.withAbsolutePaths().save(store, wanted.name) } catch {
        log.warn("the request could not be kept for certd renew", ["reason": .describing(error)])
      }
    }
  }

  private func sleepUntil(_ time: UnixTime) {
    let seconds = max(1, time - World.now())
    let post = post
    wake = Task {
      try? await World.sleep(seconds: Double(seconds))
      if !Task.isCancelled { post.yield(.wake) }
    }
  }

  /// Presents what the store and the files hold now, if that is something new, and proves it.
  func presentStore() async {
    let seen = store.fingerprint()
    let fresh: [Credential]
    do throws(SetupError) {
      let gathered = try await Self.gather(plan, store, known: stored)
      (stored, isStoreRead) = (gathered.stored, gathered.isWhole)
      (fresh, presentationChange) = (gathered.presentation.credentials, gathered.presentation.nextChange)
    } catch {
      return log.error("certificates could not be read; the old ones go on", ["reason": .describing(error)])
    }
    fingerprint = seen
    guard fresh != presented else { return }
    do throws(ProxyError) { try await proxy.install(fresh) } catch {
      return log.error(
        "certificates could not be put to use; the old ones go on", ["reason": .describing(error)])
    }
    let changed = fresh.filter { credential in !presented.contains(credential) }
    presented = fresh
    await fleet?.presents(shownToFleet())
    await stand()
    for credential in changed { log.info("certificate in use", ["name": .text(credential.label)]) }
    // Own listeners may be slow to answer: nothing else waits for them.
    proofs = Task { [before = proofs] in
      await before?.value
      for credential in changed where !Task.isCancelled { await prove(credential) }
    }
  }

  /// Shakes hands with our own listeners: what clients get is what was published.
  private func prove(_ credential: Credential) async {
    guard let leaf = credential.leaf else { return }
    // A name that an earlier credential with such a key answers for is not this one's to prove.
    let name = ProofOfService.serverName(credential.names) { name in
      let first = presented.first { $0.names.contains(name) && $0.leaf?.peerKey == leaf.peerKey }
      return first?.label == credential.label
    }
    guard let name else { return }
    let proof = ProofOfService(world: world)
    var (isProven, hasFailed) = (false, false)
    for (listener, address) in zip(plan.settings.listeners, proxy.addresses) where listener.profile != nil {
      let target = address.reachableLocally
      // The kernel connects to an address of this machine from the same one.
      let isTrusted = listener.proxyProtocolFrom.contains { $0.contains(target.ipBytes) }
      let place = ProofOfService.Place(
        address: target, preamble: isTrusted ? ProxyProtocol.ownHeader(.v2) : [])
      let why: String
      switch await proof.look(name, leaf, at: place) {
      case .current:
        log.info("certificate proven", ["name": .text(credential.label), "address": .describing(address)])
        isProven = true
        continue
      case .undecided: continue
      case .other: why = "another certificate is presented"
      case .absent(let reason), .unreachable(let reason): why = reason
      }
      log.error(
        "listener could not be proven",
        ["name": .text(credential.label), "address": .describing(address), "reason": .text(why)])
      hasFailed = true
    }
    if isProven, !hasFailed, let one = credential.presented { await fleet?.proved(one) }
  }
}

extension SocketAddress {
  /// Where a listener on this address is reached from the same machine.
  var reachableLocally: SocketAddress {
    switch host {
    case "0.0.0.0": SocketAddress(host: "127.0.0.1", port: port) ?? self
    case "::": SocketAddress(host: "::1", port: port) ?? self
    default: self
    }
  }
}
