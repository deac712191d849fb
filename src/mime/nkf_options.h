#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mime/charset.h"
#include "mime/japanese_forms.h"
#include "mime/line_ends.h"
#include "mime/line_folder.h"

namespace hikyaku::mime {

/// A charset that nkf names, and the mark of order that goes in front of it.
struct NkfCharset {
  Charset charset;
  std::string_view mark;  ///< octets: UTF-8's and UTF-16's byte order mark; empty: none
};

/// What the options of nkf 2.1.5 ask for.
struct NkfOptions {
  enum class Words : unsigned char { decoded, kept };  ///< encoded words in the text: -m (default), -m0
  enum class Stream : unsigned char { none, base64, quoted_printable };

  std::optional<NkfCharset> output;  ///< -j -s -e -w --oc: asked for. None: UTF-8 for text
  std::optional<Charset> input;      ///< -J -S -E -W --ic; none: guessed
  Words words = Words::decoded;
  Stream decode = Stream::none;                      ///< -mB, -mQ: the whole input is encoded
  Stream encode = Stream::none;                      ///< -MB, -MQ: all of the output is encoded
  bool encode_words = false;                         ///< -M
  JapaneseForms::Options forms{.widen_kana = true};  ///< -x keeps half-width kana
  std::optional<LineFolder::Options> fold;           ///< -f, -F
  LineEnds::Form line_ends = LineEnds::Form::kept;
  enum class Guess : unsigned char { no, charset, charset_and_line_end };
  Guess guess = Guess::no;
  bool no_conversion = false;  ///< -t
  bool unbuffered = false;     ///< -u
  bool help = false, version = false;
  std::vector<std::string> files;

  /// Reads arguments as nkf does: letters in any order behind one dash, "--" ends them. Options that nkf has
  /// and we have not fail with Fault::malformed and their name; so do those that nobody knows. Pure.
  static Result<NkfOptions> parse(const std::vector<std::string>& arguments);
};

}  // namespace hikyaku::mime
