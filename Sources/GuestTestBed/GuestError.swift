/// Why an operation on a guest failed: one sentence that names the thing and the way out.
public enum GuestError: Error, Equatable, CustomStringConvertible {
  /// What `Scripts/guest-setup` fetches is not there.
  case notSetUp(missing: String)
  /// What `Scripts/guest-setup --kvm` fetches is not there.
  case noKVMHost(missing: String)
  /// A program for the guest to run has not been fetched.
  case noWorkload(missing: String, package: String)
  /// locktorture has not been built for a kernel.
  case noLocktorture(missing: String, kernel: String)
  /// No kernel of that version has been fetched.
  case noKernel(version: String, cache: String)
  /// A program of the host that is needed is not installed.
  case noTool(String)
  /// The sources of the kernel modules are not where they should be.
  case noModuleSources(folder: String)
  /// The kernel modules could not be built; the last lines of the build.
  case buildFailed(output: String)
  /// A program of the host is missing or could not be started.
  case toolFailed(tool: String, reason: String)
  /// The test bed could not write or read a file of its own.
  case file(path: String, reason: String)
  /// The guest did not come up, in this many attempts.
  case bootFailed(attempts: Int, log: [String])
  /// A command timed out: once the module is loaded, this is a finding.
  case hung(command: String, seconds: Int, log: [String])
  /// The guest stopped in the middle of a command.
  case died(command: String, log: [String])
  /// A command ended with an error.
  case commandFailed(command: String, status: Int, output: String)
  /// The QEMU that runs a guest on KVM did not carry out a command.
  case monitor(command: String, reason: String)
  /// A command's output did not have the expected form.
  case unexpectedOutput(command: String, output: String)

  /// One sentence, and the end of the log where there is one.
  public var description: String {
    switch self {
    case .notSetUp(let missing):
      "There is no \(missing); run Scripts/guest-setup first."
    case .noKVMHost(let missing):
      "There is no \(missing); run Scripts/guest-setup --kvm first."
    case .noWorkload(let missing, let package):
      "There is no \(missing), of Debian's package \(package); run Scripts/guest-setup, which fetches it."
    case .noLocktorture(let missing, let kernel):
      "There is no \(missing); run Scripts/guest-setup --kernel \(kernel) --locktorture first."
    case .noKernel(let version, let cache):
      "There is no kernel \(version) in \(cache); run Scripts/guest-setup --kernel \(version) first."
    case .noTool(let tool):
      "\(tool) is not installed here; run Scripts/guest-setup, which installs it or says how to."
    case .noModuleSources(let folder):
      "\(folder) holds no Guest/Makefile; run this from a checkout of Tidelock."
    case .buildFailed(let output):
      "The kernel modules could not be built:\n\(output)"
    case .toolFailed(let tool, let reason):
      "\(tool) could not be run: \(reason); Scripts/guest-setup installs it."
    case .file(let path, let reason):
      "\(path): \(reason)."
    case .bootFailed(let attempts, let log):
      "The guest did not come up in \(attempts) attempts; it said last:\n\(lines(log))"
    case .hung(let command, let seconds, let log):
      "The guest did not end '\(command)' in \(seconds) s; its kernel said last:\n\(lines(log))"
    case .died(let command, let log):
      "The guest stopped during '\(command)'; its kernel said last:\n\(lines(log))"
    case .commandFailed(let command, let status, let output):
      "'\(command)' ended with \(status) in the guest: \(output)"
    case .monitor(let command, let reason):
      "The guest's QEMU did not carry out '\(command)': \(reason)."
    case .unexpectedOutput(let command, let output):
      "'\(command)' printed something unexpected in the guest: \(output)"
    }
  }

  private func lines(_ log: [String]) -> String { log.joined(separator: "\n") }
}
