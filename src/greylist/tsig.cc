#include "greylist/tsig.h"

#include <algorithm>
#include <array>

#include "base/base64.h"
#include "greylist/dns_wire.h"
#include "table/fold.h"

namespace hikyaku::greylist {
namespace {

struct Algorithm {
  std::string_view word, name, hash;
};
constexpr std::array<Algorithm, 6> kAlgorithms = {{{"hmac-md5", "hmac-md5.sig-alg.reg.int", "MD5"},
                                                   {"hmac-sha1", "hmac-sha1", "SHA1"},
                                                   {"hmac-sha224", "hmac-sha224", "SHA224"},
                                                   {"hmac-sha256", "hmac-sha256", "SHA256"},
                                                   {"hmac-sha384", "hmac-sha384", "SHA384"},
                                                   {"hmac-sha512", "hmac-sha512", "SHA512"}}};

/// The octets of a TSIG record's data (RFC 8945 s. 4.2).
struct Signature {
  std::size_t begin = 0;  ///< of the record in the message
  std::string owner, algorithm;
  std::uint64_t seconds = 0;
  std::uint16_t fudge = 0, original_id = 0, error = 0;
  std::string_view mac, other;
};

std::optional<Signature> read_signature(DnsReader reader, const DnsReader::Record& record) {
  Signature all;
  all.begin = record.begin;
  all.owner = record.owner;
  auto data = reader.from(record.data);
  auto algorithm = data.name();
  const auto seconds = data.u48();
  const auto fudge = data.u16(), mac_size = data.u16();
  if (!algorithm || !seconds || !fudge || !mac_size) return std::nullopt;
  const auto mac = data.octets(*mac_size);
  if (!mac) return std::nullopt;
  const auto id = data.u16(), error = data.u16(), other_size = data.u16();
  if (!id || !error || !other_size) return std::nullopt;
  const auto other = data.octets(*other_size);
  if (!other || data.position() != record.data + record.size) return std::nullopt;
  all.algorithm = std::move(*algorithm);
  all.seconds = *seconds;
  all.fudge = *fudge;
  all.mac = *mac;
  all.original_id = *id;
  all.error = *error;
  all.other = *other;
  return all;
}

/// That of a message: its last record.
std::optional<Signature> signature_of(std::string_view message) {
  DnsReader reader(message);
  const auto header = reader.header();
  if (!header || header->additionals == 0) return std::nullopt;
  for (unsigned i = 0; i < header->questions; ++i)
    if (!reader.skip_question()) return std::nullopt;
  const unsigned records = unsigned{header->answers} + header->authorities + header->additionals;
  std::optional<DnsReader::Record> last;
  for (unsigned i = 0; i < records; ++i) {
    last = reader.record();
    if (!last) return std::nullopt;
  }
  if (last->type != dns_type::tsig || !reader.at_end()) return std::nullopt;
  return read_signature(reader, *last);
}

std::string error_words(std::uint16_t error) {
  switch (error) {
    case 16:
      return "BADSIG";
    case 17:
      return "BADKEY";
    case 18:
      return "BADTIME";
    case 22:
      return "BADTRUNC";
    default:
      return "error " + std::to_string(error);
  }
}

/// Without telling by its time where they differ.
bool same(std::string_view one, std::string_view other) {
  if (one.size() != other.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < one.size(); ++i)
    difference |= static_cast<unsigned char>(one[i]) ^ static_cast<unsigned char>(other[i]);
  return difference == 0;
}

void set_u16(std::string& message, std::size_t at, std::uint16_t value) {
  message[at] = static_cast<char>(value >> 8U);
  message[at + 1] = static_cast<char>(value & 255U);
}

}  // namespace

Result<Tsig> Tsig::parse(std::string_view key_name, std::string_view algorithm, std::string_view secret) {
  const auto lower = table::ascii_lower(algorithm);
  std::string_view wanted = lower;
  if (wanted.ends_with('.')) wanted.remove_suffix(1);
  const auto* const known = std::find_if(kAlgorithms.begin(), kAlgorithms.end(), [&](const auto& one) {
    return one.word == wanted || one.name == wanted;
  });
  if (known == kAlgorithms.end())
    return fail(Fault::malformed,
                "an algorithm is hmac-md5, hmac-sha1, hmac-sha224, hmac-sha256, hmac-sha384 or hmac-sha512");
  std::string name, algorithm_name;
  if (auto put = put_name(name, table::ascii_lower(key_name)); !put)
    return std::unexpected(std::move(put.error()));
  if (auto put = put_name(algorithm_name, known->name); !put) return std::unexpected(std::move(put.error()));
  auto key = base64_decode(secret);
  if (!key || key->empty()) return fail(Fault::malformed, "a key is in base64");
  return Tsig(std::move(name), std::move(algorithm_name), std::string(known->hash), std::move(*key));
}

std::string Tsig::variables(std::uint64_t seconds, std::uint16_t fudge, std::uint16_t error,
                            std::string_view other) const {
  std::string out = name_;
  put_u16(out, dns_class::any);
  put_u32(out, 0);
  out += algorithm_;
  put_u48(out, seconds);
  put_u16(out, fudge);
  put_u16(out, error);
  put_u16(out, static_cast<std::uint16_t>(other.size()));
  return out.append(other);
}

Result<Tsig::Signed> Tsig::sign(std::string message, std::uint64_t seconds, const Hmac& hmac) const {
  const auto header = DnsReader(message).header();
  if (!header) return fail(Fault::malformed, "a message without a header can't be signed");
  auto mac = hmac(hash_, key_, message + variables(seconds, kFudge, 0, {}));
  if (!mac) return fail(Fault::permanent, "no code by " + hash_ + " can be made here");
  std::string data = algorithm_;
  put_u48(data, seconds);
  put_u16(data, kFudge);
  put_u16(data, static_cast<std::uint16_t>(mac->size()));
  data += *mac;
  put_u16(data, header->id);
  put_u16(data, 0);
  put_u16(data, 0);
  set_u16(message, DnsHeader::kSize - 2, static_cast<std::uint16_t>(header->additionals + 1));
  message += name_;
  put_u16(message, dns_type::tsig);
  put_u16(message, dns_class::any);
  put_u32(message, 0);
  put_u16(message, static_cast<std::uint16_t>(data.size()));
  message += data;
  return Signed{std::move(message), std::move(*mac)};
}

Result<void> Tsig::verify(std::string_view answer, std::string_view request_mac, std::uint64_t seconds,
                          const Hmac& hmac) const {
  const auto signature = signature_of(answer);
  if (!signature) return fail(Fault::temporary, "the answer is not signed");
  // Who does not take the key can't sign the answer with it (RFC 8945 s. 5.2.1).
  if (signature->error != 0)
    return fail(Fault::temporary, "the server does not take the signature: " + error_words(signature->error));
  std::string name, algorithm;
  const bool readable = put_name(name, signature->owner) && put_name(algorithm, signature->algorithm);
  if (!readable || name != name_ || algorithm != algorithm_)
    return fail(Fault::temporary, "the answer is signed with another key");
  std::string digested;
  put_u16(digested, static_cast<std::uint16_t>(request_mac.size()));
  digested += request_mac;
  std::string unsigned_answer(answer.substr(0, signature->begin));
  const auto header = DnsReader(answer).header();
  set_u16(unsigned_answer, 0, signature->original_id);
  set_u16(unsigned_answer, DnsHeader::kSize - 2, static_cast<std::uint16_t>(header->additionals - 1));
  digested +=
      unsigned_answer + variables(signature->seconds, signature->fudge, signature->error, signature->other);
  const auto mac = hmac(hash_, key_, digested);
  if (!mac || !same(*mac, signature->mac))
    return fail(Fault::temporary, "the signature of the answer does not fit");
  const auto apart =
      seconds > signature->seconds ? seconds - signature->seconds : signature->seconds - seconds;
  if (apart > signature->fudge) return fail(Fault::temporary, "the answer was signed at another time");
  return {};
}

}  // namespace hikyaku::greylist
