import Foundation
import Testing
import TidelockCommand

@Suite struct TextReaderTests {
  /// A folder of its own for each test.
  private final class Folder {
    let path = NSTemporaryDirectory() + "text-reader-\(UUID().uuidString)"

    init(_ files: [String: [UInt8]] = [:]) throws {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      for (name, bytes) in files {
        let file = URL(fileURLWithPath: path + "/" + name)
        try FileManager.default.createDirectory(
          at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: file)
      }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
  }

  @Test func folderGivesItsTextInOrderOfNameAndNothingElse() throws {
    let folder = try Folder([
      "b.txt": Array("Second".utf8), "a/inner.txt": Array("First".utf8),
      ".hidden": Array("hidden".utf8), "c.gz": [0x1F, 0x8B, 0x08, 0x00, 0x61],
    ])
    try FileManager.default.createSymbolicLink(
      atPath: folder.path + "/d.txt", withDestinationPath: folder.path + "/b.txt")
    try FileManager.default.createSymbolicLink(
      atPath: folder.path + "/loop", withDestinationPath: folder.path)
    let text = try TextReader.read([folder.path])
    #expect(String(decoding: text.bytes, as: UTF8.self) == "first\nsecond\n")
    #expect(text.files == 2)
  }

  @Test func limitHolds() throws {
    let folder = try Folder([
      "a": Array(repeating: 0x61, count: 50_000), "b": Array(repeating: 0x62, count: 50_000),
      "c": Array(repeating: 0x63, count: 50_000),
    ])
    let text = try TextReader.read([folder.path], limit: 60_000)
    #expect(text.files == 2)
    #expect((60_000...60_002).contains(text.bytes.count))
  }

  @Test func whatCannotBeCountedIsNamed() throws {
    let folder = try Folder(["packed": [0x1F, 0x8B, 0x08, 0x00], "digits": Array("1 2".utf8)])
    let packed = folder.path + "/packed"
    #expect(throws: TextError.missing("/no/such/file")) { try TextReader.read(["/no/such/file"]) }
    #expect(throws: TextError.notText(packed)) { try TextReader.read([packed]) }
    #expect(throws: TextError.noWords([folder.path])) { try TextReader.read([folder.path]) }
    // Opens for everybody, and reading its first byte fails for everybody.
    #expect(throws: TextError.unreadable("/proc/self/mem")) {
      try TextReader.read(["/proc/self/mem"])
    }
  }
}
