#pragma once
#include <string>
#include <string_view>

namespace hikyaku::mail {

/// Reads a message as the sendmail command gets it, piece by piece: mailbox separators ("From ", ">From ") in
/// front of it are left out, and a line of a dot alone is its end, unless dots mean nothing. Line ends stay
/// as they are. Holds six octets at most. Pure.
class SubmittedText {
 public:
  enum class Dots : unsigned char { end_it, mean_nothing };
  explicit SubmittedText(Dots dots) : dots_(dots) {}

  /// Appends to `out` what is of the message.
  void feed(std::string_view piece, std::string& out);
  /// There is no more.
  void finish(std::string& out);
  /// The line with the dot was there: what follows is not of the message.
  bool ended() const { return ended_; }

 private:
  void decide(std::string& out);

  const Dots dots_;
  std::string begun_;  // the begin of a line, as long as it can still be a separator or the end
  bool at_begin_ = true, in_front_ = true, dropping_ = false, ended_ = false;
};

}  // namespace hikyaku::mail
