#pragma once
#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace hikyaku::probe {

/// One line of the record of a conversation. Texts are as they went over the wire, without their line end:
/// not escaped, and secrets in full. A Sink makes them fit to be shown.
struct Entry {
  enum class Kind : unsigned char { sent, received, note, failure };
  static constexpr std::size_t kNothing = std::string::npos;

  Kind kind = Kind::note;
  std::string text;
  bool tls = false;                    ///< it went under TLS
  bool unexpected = false;             ///< the server refused: a 4xx or 5xx reply, NO, BAD, -ERR
  std::chrono::microseconds at{0};     ///< since the start of the conversation
  std::size_t secret_from = kNothing;  ///< the octets of `text` from here on are a secret
  bool has_decoded = false;            ///< there is base64 in the line, and it decodes
  std::string decoded;                 ///< to this
  std::size_t decoded_secret_from = kNothing;
};

/// Where entries go.
class Sink {
 public:
  Sink() = default;
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;
  virtual ~Sink() = default;
  virtual void put(const Entry& entry) = 0;
};

/// `text` made safe for a terminal and for JSON: controls (C0, DEL, C1), what turns the direction of writing
/// (U+202A and its kind), and octets that are no UTF-8 become \xHH, and a backslash becomes two. All of
/// `text` is used: whoever reads from a server has cut it.
std::string shown(std::string_view text);
/// The parts of an entry as they may be shown, safe, with "<secret>" for what is one unless `show_secrets`.
/// In notes and failures, which quote by shown() what others said, a backslash stays one.
std::string shown_text(const Entry& entry, bool show_secrets);
std::string shown_decoded(const Entry& entry, bool show_secrets);

/// Prints swaks' marks: " -> " sent, "<-  " received, " ~> " and "<~  " under TLS, "<** " and "<~* " for a
/// refusal, "=== " a note, "*** " a failure; decoded base64 stands behind the line as `   ← "Username:"`.
class TextSink final : public Sink {
 public:
  struct Style {
    bool show_secrets = false;
    bool show_time = false;  ///< since the start, and since the line before, behind each line
    bool colour = false;
    bool hide_notes = false;  ///< failures are told all the same
  };
  /// `write` gets whole lines, with "\n".
  TextSink(Style style, std::function<void(std::string_view)> write)
      : style_(style), write_(std::move(write)) {}
  void put(const Entry& entry) override;

 private:
  Style style_;
  std::function<void(std::string_view)> write_;
  std::chrono::microseconds last_{0};
};

/// Prints each entry as one JSON object a line: {"kind":"received","tls":false,"seconds":0.012,"text":"…"}
/// and "unexpected", "decoded" where they are so. The texts are those that shown() makes.
class JsonSink final : public Sink {
 public:
  JsonSink(bool show_secrets, std::function<void(std::string_view)> write)
      : show_secrets_(show_secrets), write_(std::move(write)) {}
  void put(const Entry& entry) override;

 private:
  bool show_secrets_;
  std::function<void(std::string_view)> write_;
};

/// Keeps the last `most` entries, for tests and for what is told afterwards.
class KeepingSink final : public Sink {
 public:
  explicit KeepingSink(std::size_t most = 10'000) : most_(most) {}
  void put(const Entry& entry) override;
  const std::vector<Entry>& entries() const { return entries_; }
  /// All of it as TextSink prints it.
  std::string text(bool show_secrets = false) const;

 private:
  std::size_t most_;
  std::vector<Entry> entries_;
};

/// A JSON string of text that shown() made (or of any UTF-8), with its quotes.
std::string json_quoted(std::string_view text);

}  // namespace hikyaku::probe
