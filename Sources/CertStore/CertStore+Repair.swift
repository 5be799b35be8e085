import Bytes
import OS

extension CertStore {
  /// Carries out the remedies of a survey and lets `current` lead to the generation that is served.
  func repair(
    _ lock: borrowing LineageLock, _ survey: Survey, now: UnixTime
  ) -> (StoredCertificate?, [StoreProblem]) {
    let subject = lock.name.description
    var problems: [StoreProblem] = []
    for finding in survey.findings {
      switch finding.remedy {
      case .none:
        problems.append(note(subject, finding.message, ""))
      case .quarantine(let path):
        problems.append(quarantine(path, subject: subject, reason: finding.message, now: now))
      case .rewrite(let path, let content, let isThere):
        if isThere {
          problems.append(quarantine(path, subject: subject, reason: finding.message, now: now))
        }
        do {
          try fs.publish(path, content, mode: certificateFileMode, group: group)
          problems.append(note(subject, finding.message, "made again from the certificate"))
        } catch { problems.append(note(subject, finding.message, "could not be made again (\(error))")) }
      }
    }
    if let certificate = survey.certificate, certificate.generation != survey.linked,
      !survey.isUncertain
    {
      let what = survey.linked == nil ? "no generation is linked" : "another generation is linked"
      let message = "\(what); serving gen-\(certificate.generation)"
      do {
        try moveCurrent(lock, to: certificate.generation)
        problems.append(note(subject, message, ""))
      } catch { problems.append(note(subject, message, "current could not be moved (\(error))")) }
    }
    return (survey.certificate, problems)
  }

  /// Lets `current` lead to a generation: one rename of one link.
  func moveCurrent(_ lock: borrowing LineageLock, to number: Int) throws(SystemError) {
    let scratch = layout.current(lock.name) + FileSystem.scratchSuffix
    if try fs.statusIfPresent(scratch) != nil { try fs.unlink(scratch) }
    try fs.symlink(scratch, to: Layout.generationName(number))
    try fs.rename(scratch, to: layout.current(lock.name))
    try fs.flushDirectory(layout.lineage(lock.name))
  }
}
