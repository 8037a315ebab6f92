/// Why drain-run itself cannot go on: one line for a person, and exit status 125.
struct Complaint: Error {
    let message: String
    init(_ message: String) { self.message = message }
}
