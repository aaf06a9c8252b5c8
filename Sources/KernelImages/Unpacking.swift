import ELFReader
import Foundation
import Subprocess
import SystemPackage

/// Unpacks the payload of a boot image with the system's own tools.
struct Unpacker {
  /// The most bytes that a kernel may unpack to; Debian's have 66 million.
  var sizeLimit = 1 << 30
  /// How many seconds a tool may take; Debian's kernels need one.
  var timeLimit = 120

  func unpack(
    _ payload: ArraySlice<UInt8>, file: String
  ) async throws(KernelImageError) -> [UInt8] {
    let compression = try Compression.of(payload, file: file)
    // The kernel's build puts the unpacked size behind the packed bytes; gzip has it there anyway.
    guard let claimed: UInt32 = payload.littleEndian(at: payload.count - 4) else {
      throw .truncated(file: file, part: "packed kernel", fileSize: payload.endIndex)
    }
    guard claimed > 0, claimed <= sizeLimit else {
      throw .absurdSize(file: file, claimed: UInt64(claimed), limit: sizeLimit)
    }
    let packed = compression == .gzip ? payload : payload.dropLast(4)
    let unpacked = try await run(compression, packed, expecting: Int(claimed), file: file)
    guard unpacked.count == claimed else {
      throw .wrongSize(file: file, claimed: Int(claimed), found: unpacked.count)
    }
    return unpacked
  }

  private func run(
    _ compression: Compression, _ packed: ArraySlice<UInt8>, expecting size: Int, file: String
  ) async throws(KernelImageError) -> [UInt8] {
    let tool = compression.tool
    let input = try Self.anonymousFile(packed, file: file)
    let result: CollectedResult
    do {
      result = try await withThrowingTaskGroup(of: CollectedResult?.self) { group in
        group.addTask {
          let ended = try await Subprocess.run(
            .name(tool), arguments: Arguments(compression.arguments),
            input: .fileDescriptor(input, closeAfterSpawningProcess: true),
            // One byte more than claimed tells an image that lies from one that does not.
            output: .bytes(limit: size + 1), error: .string(limit: 1 << 16))
          return CollectedResult(
            succeeded: ended.terminationStatus.isSuccess, output: ended.standardOutput,
            error: ended.standardError)
        }
        group.addTask { [timeLimit] in
          try await Task.sleep(for: .seconds(timeLimit))
          return nil
        }
        // Leaving the group cancels the other task, which kills a tool that still runs.
        defer { group.cancelAll() }
        guard let first = try await group.next(), let first else {
          throw KernelImageError.unpackingTooSlow(file: file, tool: tool, seconds: timeLimit)
        }
        return first
      }
    } catch let error as KernelImageError {
      throw error
    } catch let error as SubprocessError where error.code == .executableNotFound {
      throw .toolMissing(file: file, tool: tool, package: compression.package)
    } catch let error as SubprocessError where error.code == .outputLimitExceeded {
      throw .wrongSize(file: file, claimed: size, found: size + 1)
    } catch {
      throw .unpackingFailed(file: file, tool: tool, reason: systemReason(of: error))
    }
    guard result.succeeded else {
      let firstLine = result.error.split(separator: "\n").first.map(String.init)
      throw .unpackingFailed(file: file, tool: tool, reason: firstLine ?? "it gave no reason")
    }
    return result.output
  }

  /// The packed bytes as a file without a name, opened at its beginning.
  ///
  /// A pipe would not do: if a tool exits before it has read everything, SIGPIPE would end this
  /// program.
  private static func anonymousFile(
    _ bytes: ArraySlice<UInt8>, file: String
  ) throws(KernelImageError) -> FileDescriptor {
    let folder = FileManager.default.temporaryDirectory
    let path = folder.appendingPathComponent("tidelock-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: path) }
    do {
      try Data(bytes).write(to: path)
      return try FileDescriptor.open(FilePath(path.path), .readOnly)
    } catch {
      throw .noTemporaryFile(file: file, folder: folder.path, reason: systemReason(of: error))
    }
  }

  private struct CollectedResult: Sendable {
    let succeeded: Bool
    let output: [UInt8]
    let error: String
  }
}
