import Foundation

/// A Debian program that a guest runs and that reports its own time: real work whose speed depends on
/// the kernel's spinlocks.
///
/// `Scripts/guest-setup` fetches the programs, with the libraries they need.
public struct GuestWorkload: Sendable, Equatable {
  /// Which program, and so how its output reads.
  public enum Program: String, CaseIterable, Sendable {
    /// hackbench: groups of threads that send each other messages through socket pairs.
    case hackbench
    /// fs_mark: processes that create files on a tmpfs, each in a folder of its own.
    case files

    /// Its name in the guest.
    public var name: String { self == .hackbench ? "hackbench" : "fs_mark" }

    /// What its own time measures.
    public var measure: String {
      self == .hackbench ? "Time of a run of hackbench" : "Mean time of a process of fs_mark"
    }

    /// The package that holds it.
    public var package: String { self == .hackbench ? "rt-tests" : "fsmark" }
  }

  /// Which program.
  public let program: Program
  /// The command line in the guest.
  public let command: String

  /// hackbench.
  ///
  /// - Parameters:
  ///   - groups: How many groups of senders and receivers.
  ///   - pairs: How many of each a group has.
  ///   - loops: How many messages each sender sends to each receiver.
  /// - Returns: The workload of that size.
  public static func hackbench(groups: Int, pairs: Int, loops: Int) -> GuestWorkload {
    GuestWorkload(
      program: .hackbench, command: "hackbench -T -g \(groups) -f \(pairs) -l \(loops)")
  }

  /// fs_mark.
  ///
  /// - Parameters:
  ///   - processes: How many create files at the same time.
  ///   - files: How many empty files each creates and removes.
  /// - Returns: The workload of that size.
  public static func files(processes: Int, files: Int) -> GuestWorkload {
    let folders = (1...processes).map { " -d /files/\($0)" }.joined()
    return GuestWorkload(
      program: .files, command: "fs_mark -v -S 0 -s 0 -L 1 -n \(files) -l /files/log\(folders)")
  }

  /// What the guest must hold to run it: the program and all libraries, by their path in the guest.
  ///
  /// - Throws: ``GuestError/noWorkload(missing:package:)``.
  public func files(of kernel: GuestKernel) throws(GuestError) -> [String: URL] {
    let root = kernel.cache.appending(path: "workloads").resolvingSymlinksInPath()
    let binary = root.appending(path: "bin/\(program.name)")
    guard FileManager.default.isExecutableFile(atPath: binary.path) else {
      throw .noWorkload(missing: binary.path, package: program.package)
    }
    let paths = (try? FileManager.default.subpathsOfDirectory(atPath: root.path)) ?? []
    return paths.reduce(into: [:]) { files, path in
      let file = root.appending(path: path)
      let isFile = (try? file.resourceValues(forKeys: [.isRegularFileKey]))?.isRegularFile
      if isFile == true { files[path] = file }
    }
  }

  /// Runs it once.
  ///
  /// - Returns: How many seconds it took, by its own report.
  /// - Throws: ``GuestError``.
  public func run(
    in shell: GuestShell, limit: Duration = .seconds(300)
  ) async throws(GuestError) -> Double {
    if program == .files {
      try await shell.run(
        "grep -q ' /files ' /proc/mounts || (mkdir /files && mount -t tmpfs files /files)")
    }
    let output = try await shell.run(command, limit: limit)
    guard let seconds = program.seconds(in: output) else {
      throw .unexpectedOutput(command: command, output: output)
    }
    return seconds
  }
}

extension GuestWorkload.Program {
  /// The seconds that the program says it took; nil if it says nothing of the kind.
  package func seconds(in output: String) -> Double? {
    let lines = output.split(whereSeparator: \.isNewline)
      .map { $0.split(whereSeparator: \.isWhitespace) }
    let seconds: Double? =
      switch self {
      case .hackbench:
        // Time: 0.563
        lines.last { $0.count == 2 && $0[0] == "Time:" }.flatMap { Double($0[1]) }
      case .files:
        Self.meanOfProcesses(lines)
      }
    guard let seconds, seconds.isFinite, seconds > 0 else { return nil }
    return seconds
  }

  /// The time that a process of fs_mark took for its files, in the mean over all processes.
  ///
  /// Its rate of files is the sum of the rates of its processes, which a process that happens to run alone
  /// dominates. The mean times per file count each file once:
  ///
  ///     #  Version 3.3, 2 thread(s) starting at Wed Nov 25 21:58:46 2026
  ///     FSUse% Count Size Files/sec App Overhead CREAT (Min/Avg/Max) WRITE (...) FSYNC SYNC CLOSE UNLINK
  private static func meanOfProcesses(_ lines: [[Substring]]) -> Double? {
    let processes = lines.lazy.compactMap { line in
      line.firstIndex(of: "thread(s)").flatMap { $0 > 0 ? Double(line[$0 - 1]) : nil }
    }.first
    let numbers = lines.lazy.map { $0.compactMap { Double($0) } }.last { $0.count == 23 }
    guard let processes, processes > 0, let numbers else { return nil }
    let microseconds = [6, 9, 18, 21].reduce(0) { $0 + numbers[$1] }
    return numbers[1] / processes * microseconds / 1e6
  }
}
