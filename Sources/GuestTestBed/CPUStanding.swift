/// The state of a guest's CPUs, in the words of QEMU's monitor.
enum CPUStanding {
  /// The monitor's command.
  static let command = "info registers -a"

  /// One line for each CPU: its instruction pointer, its flags, and whether it is halted.
  static func lines(of answer: String) -> [String] {
    var cpu = ""
    return answer.split(whereSeparator: \.isNewline).compactMap { line in
      if let number = line.firstMatch(of: /CPU#(\d+)/) { cpu = "CPU \(number.1): " }
      return line.firstMatch(of: /RIP=.*/).map { cpu + $0.0 }
    }
  }
}
