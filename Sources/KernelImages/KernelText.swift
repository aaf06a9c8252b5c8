import ELFReader

/// The text of a kernel as its image has it, to be compared with what runs.
///
/// A kernel writes to its own text at boot and later: it relocates itself, and it patches what its
/// tables name. Every other byte must be as in the image.
public struct KernelText: Sendable {
  /// How many bytes the text has.
  public let size: Int
  /// How many of them are compared: those that no table names.
  public let compared: Int

  private let address: UInt64
  private let code: [UInt8]
  private let ranges: [Range<UInt64>]
  private let text: UInt64

  /// A run of bytes that differ.
  public struct Difference: Sendable, Equatable {
    /// Where, in the running kernel.
    public let address: UInt64
    /// What the image has, moved to where the kernel is.
    public let image: [UInt8]
    /// What memory holds.
    public let memory: [UInt8]
  }

  /// Reads the image of the kernel that runs.
  ///
  /// - Parameters:
  ///   - vmlinux: An unpacked kernel, with what follows it in a boot image.
  ///   - file: Its path, for messages.
  ///   - marks: Where the running kernel is, and its tables.
  /// - Throws: ``KernelImageError``.
  public init(
    vmlinux: [UInt8], file: String, _ marks: TextMarks
  ) throws(KernelImageError) {
    let kernel: ELFFile
    do { kernel = try ELFFile(bytes: vmlinux, name: file) } catch { throw .elf(error) }
    guard let section = kernel.section(named: ".text"), section.isExecutable else {
      throw .noLockOperations(file: file, reason: "it has no section .text")
    }
    var code: [UInt8]
    do { code = Array(try kernel.contents(of: section)) } catch { throw .elf(error) }
    KernelRelocations(of: vmlinux).apply(
      to: &code, at: section.address, movedBy: marks.text &- section.address)
    self.code = code
    address = section.address
    text = marks.text
    size = code.count
    ranges = Self.joined(try PatchedText(of: kernel, text: section, marks).ranges)
    compared = size - ranges.reduce(0) { $0 + $1.count }
  }

  /// The same ranges without overlap.
  private static func joined(_ sorted: [Range<UInt64>]) -> [Range<UInt64>] {
    sorted.reduce(into: []) { ranges, next in
      guard let last = ranges.last, next.lowerBound <= last.upperBound else {
        return ranges.append(next)
      }
      ranges[ranges.count - 1] = last.lowerBound..<max(last.upperBound, next.upperBound)
    }
  }

  /// Where memory differs from the image outside what the kernel's tables name.
  ///
  /// - Parameter memory: The running kernel's text, `size` bytes from `_text` on.
  /// - Returns: Runs of bytes that differ, by address; empty if all is as in the image.
  public func differences(in memory: [UInt8]) -> [Difference] {
    precondition(memory.count == size, "not all of the text is compared")
    var found: [Difference] = []
    var index = 0
    for range in ranges + [address &+ UInt64(size)..<address &+ UInt64(size)] {
      let end = Int(range.lowerBound &- address)
      while index < end {
        guard memory[index] != code[index] else {
          index += 1
          continue
        }
        let start = index
        while index < end, memory[index] != code[index] { index += 1 }
        found.append(
          Difference(
            address: text &+ UInt64(start), image: Array(code[start..<index]),
            memory: Array(memory[start..<index])))
      }
      index = max(index, Int(range.upperBound &- address))
    }
    return found
  }
}
