#include "mime/transfer_decoder.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "mime/base64_body.h"
#include "mime/header_text.h"
#include "mime/quoted_printable.h"
#include "mime/unicode.h"

namespace hikyaku::mime {
namespace {

/// Where the first octet above 127 is, and how many there are.
struct EightBit {
  std::uint64_t first = 0, count = 0;
};
EightBit find_eight_bit(std::string_view octets) {
  const auto first = ascii_run(octets);
  const auto rest = octets.substr(first);
  const auto count = std::count_if(rest.begin(), rest.end(), [](char c) { return (c & '\x80') != 0; });
  return {first, static_cast<std::uint64_t>(count)};
}

class IdentityDecoder : public TransferDecoder {
 public:
  explicit IdentityDecoder(TransferEncoding encoding) : seven_bit_(encoding == TransferEncoding::seven_bit) {
    if (encoding == TransferEncoding::unknown) notes_.add(TransferFault::unknown_encoding, 0);
  }
  void feed(std::string_view octets, std::string& out) override {
    if (seven_bit_) {
      const auto found = find_eight_bit(octets);
      if (found.count > 0) notes_.add(TransferFault::eight_bit_in_7bit, offset_ + found.first, found.count);
    }
    offset_ += octets.size();
    out += octets;
  }
  void finish(std::string&) override {}
  const TransferNotes& notes() const override { return notes_; }

 private:
  const bool seven_bit_;
  std::uint64_t offset_ = 0;
  TransferNotes notes_;
};

template <class Decoder>
class Adapted : public TransferDecoder {
 public:
  void feed(std::string_view octets, std::string& out) override { decoder_.feed(octets, out); }
  void finish(std::string& out) override { decoder_.finish(out); }
  const TransferNotes& notes() const override { return decoder_.notes(); }

 private:
  Decoder decoder_;
};

/// uuencode and yEnc as the encoding of a whole body: the first file in it, without the text around. Without
/// any file that begins in the first kFront octets the body is what stands there.
class FileDecoder : public TransferDecoder, private EmbeddedFileListener {
 public:
  explicit FileDecoder(TransferFault not_found) : not_found_(not_found), reader_(*this) {}
  void feed(std::string_view octets, std::string& out) override {
    out_ = &out;
    while (!octets.empty() && !file_ && !given_up_) {
      const auto piece = octets.substr(0, kFront - front_.size());
      if (piece.empty()) {
        give_up();
        break;
      }
      front_ += piece;
      reader_.feed(piece);
      octets.remove_prefix(piece.size());
    }
    if (given_up_) {
      out += octets;
    } else {
      reader_.feed(octets);
    }
  }
  void finish(std::string& out) override {
    out_ = &out;
    if (!given_up_) reader_.finish();
    if (!given_up_ && !file_) give_up();
  }
  const TransferNotes& notes() const override { return notes_; }
  const EmbeddedFile* file() const override { return file_ ? &*file_ : nullptr; }

 private:
  void give_up() {
    given_up_ = true;
    notes_.add(not_found_, 0);
    out_->append(std::exchange(front_, {}));
  }
  /// Empty lines are no loss.
  void text(std::string_view octets) override {
    if (text_noted_ || std::all_of(octets.begin(), octets.end(), is_blank)) return;
    text_noted_ = true;
    if (file_) {
      notes_.add(TransferFault::text_around_file, file_end_);
    } else {
      text_in_front_ = true;
    }
  }
  void file_begins(const EmbeddedFile& file) override {
    text_noted_ = false;
    if (file_) return notes_.add(TransferFault::more_files, file.offset);
    front_ = {};
    file_ = file;
    if (text_in_front_) notes_.add(TransferFault::text_around_file, 0);
  }
  void file(std::string_view octets) override {
    if (!ended_) out_->append(octets);
  }
  void file_ends(std::uint64_t, const TransferNotes& notes) override {
    const auto* cut = notes.find(TransferFault::uu_not_ended);
    file_end_ = cut != nullptr ? cut->offset : reader_.offset();
    if (!std::exchange(ended_, true))
      for (const auto& note : notes.all()) notes_.add(note.fault, note.offset, note.count);
  }

  static constexpr std::size_t kFront = 64 * 1024;
  const TransferFault not_found_;
  std::optional<EmbeddedFile> file_;
  std::string front_;      // all octets, until a file begins
  bool given_up_ = false;  // all of it is text
  bool text_in_front_ = false;
  bool text_noted_ = false;  // of what stands in front of the next file
  bool ended_ = false;       // the first file
  std::uint64_t file_end_ = 0;
  std::string* out_ = nullptr;
  TransferNotes notes_;
  EmbeddedFileReader reader_;
};

struct Name {
  std::string_view name;
  TransferEncoding encoding;
};
constexpr std::array kNames{
    Name{"", TransferEncoding::seven_bit},
    Name{"7bit", TransferEncoding::seven_bit},
    Name{"7-bit", TransferEncoding::seven_bit},
    Name{"8bit", TransferEncoding::eight_bit},
    Name{"8-bit", TransferEncoding::eight_bit},
    Name{"binary", TransferEncoding::binary},
    Name{"base64", TransferEncoding::base64},
    Name{"base-64", TransferEncoding::base64},
    Name{"x-uuencode", TransferEncoding::uuencode},
    Name{"uuencode", TransferEncoding::uuencode},
    Name{"x-uue", TransferEncoding::uuencode},
    Name{"uue", TransferEncoding::uuencode},
    Name{"x-yencode", TransferEncoding::yenc},
    Name{"x-yenc", TransferEncoding::yenc},
    Name{"yenc", TransferEncoding::yenc},
    Name{"quoted-printable", TransferEncoding::quoted_printable},
    Name{"qp", TransferEncoding::quoted_printable},
};

}  // namespace

TransferEncoding transfer_encoding(std::string_view name) {
  for (const auto& known : kNames)
    if (known.name == name) return known.encoding;
  return TransferEncoding::unknown;
}

std::unique_ptr<TransferDecoder> make_transfer_decoder(TransferEncoding encoding) {
  switch (encoding) {
    case TransferEncoding::quoted_printable:
      return std::make_unique<Adapted<QuotedPrintableDecoder>>();
    case TransferEncoding::base64:
      return std::make_unique<Adapted<Base64BodyDecoder>>();
    case TransferEncoding::uuencode:
      return std::make_unique<FileDecoder>(TransferFault::uu_not_found);
    case TransferEncoding::yenc:
      return std::make_unique<FileDecoder>(TransferFault::yenc_not_found);
    case TransferEncoding::seven_bit:
    case TransferEncoding::eight_bit:
    case TransferEncoding::binary:
    case TransferEncoding::unknown:
      break;
  }
  return std::make_unique<IdentityDecoder>(encoding);
}

}  // namespace hikyaku::mime
