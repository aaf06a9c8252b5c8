import GuestTestBed
import Testing

@Suite struct GuestWorkloadTests {
  @Test(arguments: [
    (
      GuestWorkload.Program.hackbench,
      """
      Running in threaded mode with 4 groups using 20 file descriptors each (== 80 tasks)
      Each sender will pass 60 messages of 100 bytes
      Time: 0.563
      """, 0.563
    ),
    (
      .files,
      """

      #  fs_mark  -S  0  -s  0  -L  1  -n  1000  -l  /files/log  -d  /files/1  -d  /files/2
      #\tVersion 3.3, 2 thread(s) starting at Wed Nov 25 21:58:46 2026
      #\tSync method: NO SYNC: Test does not issue sync() or fsync() calls.

      FSUse%        Count         Size    Files/sec     App Overhead        CREAT (Min/Avg/Max)
           0         2000            0      40000.0            21329  5 20 99  1 2 3  0 0 0  0 0 0 \
       2 8 9  7 10 55

      """, 0.04
    ),
  ])
  func readsWhatProgramsSay(_ program: GuestWorkload.Program, output: String, seconds: Double) {
    #expect(program.seconds(in: output) == seconds)
  }

  @Test(arguments: GuestWorkload.Program.allCases)
  func takesNothingElseForATime(_ program: GuestWorkload.Program) {
    for output in [
      "", "Killed", "Time: 0.000", "Time: nan", "Time: soon", "Time:",
      "#\tVersion 3.3, 2 thread(s)\n0 2000 0 0.0 21329", "0 2000 0",
      "Error in creat: No space left on device",
      "# Version 3.3, 0 thread(s)\n" + Array(repeating: "1", count: 23).joined(separator: " "),
      Array(repeating: "1", count: 23).joined(separator: " "),
    ] {
      #expect(program.seconds(in: output) == nil, "\(output)")
    }
  }

  @Test func commandsNameTheirSize() {
    let files = GuestWorkload.files(processes: 2, files: 70)
    #expect(files.command.contains("-n 70") && files.command.hasSuffix("-d /files/1 -d /files/2"))
    #expect(
      GuestWorkload.hackbench(groups: 4, pairs: 10, loops: 60).command
        == "hackbench -T -g 4 -f 10 -l 60")
  }
}
