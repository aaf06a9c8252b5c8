import ELFReader
import Foundation

/// Which build a kernel is, in the words it uses for itself when it runs.
public struct KernelIdentity: Sendable, Equatable {
  /// The linker's build id, which `/sys/kernel/notes` shows.
  public let buildID: [UInt8]
  /// What `uname -r` prints.
  public let release: String
  /// What `uname -v` prints.
  public let version: String

  init(of kernel: ELFFile) throws(KernelImageError) {
    let id: [UInt8]?
    let constants: ArraySlice<UInt8>
    do {
      id = try kernel.buildID()
      constants = try kernel.section(named: ".rodata").map(kernel.contents) ?? []
    } catch { throw .elf(error) }
    guard let id, !id.isEmpty else { throw .noIdentity(file: kernel.name, missing: "build id") }
    guard let names = Self.namesInBanner(Data(constants)) else {
      throw .noIdentity(file: kernel.name, missing: "version banner")
    }
    buildID = id
    (release, version) = names
  }

  /// Finds release and version in the line that the kernel prints first of all:
  /// `Linux version RELEASE (builder) (compiler, linker) #1 VERSION`.
  private static func namesInBanner(_ constants: Data) -> (release: String, version: String)? {
    let words = Data("Linux version ".utf8)
    var unsearched = constants.startIndex..<constants.endIndex
    while let found = constants.range(of: words, in: unsearched) {
      unsearched = found.upperBound..<constants.endIndex
      let line = constants[unsearched].prefix(1024).prefix { $0 != 0x0a && $0 != 0 }
      let banner = String(decoding: line, as: UTF8.self)
      // Compiler and linker stand in parentheses before the version. The kernel also holds a first
      // draft of the banner, from before it had its build number.
      guard let releaseEnd = banner.firstIndex(of: " "),
        let parenthesis = banner.range(of: ") #", options: .backwards),
        banner[parenthesis.upperBound...].first?.isNumber == true
      else { continue }
      return (String(banner[..<releaseEnd]), "#" + banner[parenthesis.upperBound...])
    }
    return nil
  }
}
