#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "mail/address.h"
#include "mail/parameters.h"

namespace hikyaku::record {

/// What a local program hands in beside the message itself (the sendmail command). Who it is, is not in here:
/// the owner of the file is.
struct Submission {
  Time at{};
  std::optional<mail::Address> sender;  ///< -f; none: the owner of the file
  std::string full_name;                ///< of an added From header
  mail::BodyType body = mail::BodyType::unspecified;
  mail::DsnReturn ret = mail::DsnReturn::unspecified;
  std::string envid;          ///< decoded; empty: none
  mail::Notify notify;        ///< of all recipients
  bool from_gateway = false;  ///< -G: others' mail, whose headers are not ours to complete
  std::vector<mail::Address> recipients;
  bool operator==(const Submission&) const = default;
};

/// A file of the maildrop folder, written by users who are not trusted: "HKYMAIL1", then parts. A part is the
/// number of its octets, these, and the CRC-32C of all of the file before that is no such sum; numbers have
/// four octets, little-endian. The first part is the Submission, framed as all records are; the others are
/// the message as it was given, of at most kLargestPart octets each; an empty part ends the file.
namespace submission_file {
inline constexpr std::size_t kLargestPart = 65536;
inline constexpr std::size_t kLargestHead = std::size_t{8} << 20;
}  // namespace submission_file

/// Writes such a file, piece by piece. Pure.
class SubmissionWriter {
 public:
  /// The begin of the file. Fails with Fault::permanent on more recipients than a head can hold.
  Result<std::string> head(const Submission& submission);
  /// Appends octets of the message to `out`.
  void content(std::string_view octets, std::string& out);
  std::string end();

 private:
  void part(std::string_view octets, std::string& out);
  std::uint32_t sum_ = 0;
};

/// Reads such a file, piece by piece: feed() what was read, next() until `need_more`. Fails with
/// Fault::corrupt when octets are cut, added or changed, and with Fault::permanent when a newer program wrote
/// it. Holds one part and one piece. Pure.
class SubmissionReader {
 public:
  enum class Event : unsigned char { need_more, head, content, end };
  void feed(std::string_view octets);
  Result<Event> next();
  /// After `head`; to be moved from.
  Submission& submission() { return submission_; }
  /// After `content`, until the next call.
  std::string_view content() const { return content_; }
  bool ended() const { return state_ == State::ended; }

 private:
  enum class State : unsigned char { magic, head, content, ended };
  std::string pending_;
  std::size_t taken_ = 0;
  State state_ = State::magic;
  std::uint32_t sum_ = 0;
  Submission submission_;
  std::string_view content_;
};

}  // namespace hikyaku::record
