#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "milter/protocol.h"

namespace hikyaku::milter {

/// One packet as it stands on the wire, without its length.
struct Packet {
  char kind = 0;
  std::string_view data;  ///< points into the reader
};

/// Cuts what arrived into packets. Keeps one packet at most and what was fed with it. Not thread-safe.
class PacketReader {
 public:
  /// `limit`: octets of data of a packet, without its kind.
  explicit PacketReader(std::size_t limit = kReadLimit) : limit_(limit) {}

  /// Copies what arrived.
  void feed(std::string_view octets);
  /// The next packet, which holds until the next call of feed() or next(); nullopt: more octets are needed.
  /// Fails with Fault::malformed, and then for ever, on a length of 0 and on one past the limit: where the
  /// next packet begins can't be known any more.
  Result<std::optional<Packet>> next();
  /// The packet that is `number` packets behind the next one, if it is whole and all before it are. It holds
  /// as those of next() do.
  std::optional<Packet> peek(std::size_t number) const;
  /// Octets that are kept for a packet that is not whole yet.
  std::size_t pending() const { return buffer_.size() - begin_; }

 private:
  std::size_t limit_;
  std::string buffer_;
  std::size_t begin_ = 0;
  std::uint64_t offset_ = 0;  // of buffer_[begin_] in all that was fed
  std::optional<Error> broken_;
};

/// Appends packets to `out`.
class PacketWriter {
 public:
  /// Begins a packet of this kind; it ends with the writer.
  PacketWriter(std::string& out, char kind);
  PacketWriter(std::string& out, Command command) : PacketWriter(out, static_cast<char>(command)) {}
  PacketWriter(std::string& out, Response response) : PacketWriter(out, static_cast<char>(response)) {}
  PacketWriter(const PacketWriter&) = delete;
  PacketWriter& operator=(const PacketWriter&) = delete;
  ~PacketWriter();

  PacketWriter& octet(char value);
  PacketWriter& number16(std::uint16_t value);
  PacketWriter& number32(std::uint32_t value);
  PacketWriter& octets(std::string_view value);
  /// A string and the NUL that ends it; a NUL in the string would end it too early, and is left out.
  PacketWriter& string(std::string_view value);
  /// So many octets follow that are not appended to `out`, but sent after it.
  PacketWriter& follows(std::size_t octets);

 private:
  std::string& out_;
  std::size_t begin_, following_ = 0;
};

/// Takes the data of a packet apart. Each call fails with Fault::malformed, naming the packet and the octet.
class FieldReader {
 public:
  /// `what` names the packet in errors, and must outlive the reader.
  FieldReader(std::string_view what, std::string_view data) : what_(what), data_(data) {}

  bool empty() const { return at_ == data_.size(); }
  Result<char> octet();
  Result<std::uint16_t> number16();
  Result<std::uint32_t> number32();
  /// Up to the next NUL, which must be there.
  Result<std::string_view> string();
  /// All strings that are left, which may be none; at most 1000.
  Result<std::vector<std::string>> strings();
  /// All octets that are left.
  std::string_view rest();
  /// Fails if anything is left.
  Result<void> end() const;

 private:
  Result<std::string_view> take(std::size_t size, std::string_view of);
  Error error(std::string_view wrong) const;

  std::string_view what_, data_;
  std::size_t at_ = 0;
};

}  // namespace hikyaku::milter
