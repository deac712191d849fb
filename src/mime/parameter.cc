#include "mime/parameter.h"

#include <algorithm>
#include <map>
#include <utility>

#include "mime/header_text.h"
#include "mime/hex_digit.h"
#include "mime/parameter_pieces.h"
#include "mime/word_group.h"

namespace hikyaku::mime {
namespace {

std::string percent_decoded(std::string_view text, bool& broken) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_value(text[i + 2]) : -1;
    if (low >= 0) {
      out += static_cast<char>(high << 4 | low);
      i += 2;
    } else {
      broken = broken || text[i] == '%' || (text[i] & '\x80') != 0 || text[i] == ' ';
      out += text[i];
    }
  }
  return out;
}

/// All pieces of one name.
struct Pieces {
  std::string name;
  std::vector<const ParameterPiece*> plain, extended, numbered;
};

class Assembler {
 public:
  explicit Assembler(Repairs& repairs) : repairs_(repairs) {}

  Parameter assemble(const Pieces& pieces) {
    const auto more = pieces.extended.empty() ? pieces.numbered : pieces.extended;
    if (pieces.plain.size() > 1) twice(*pieces.plain[1]);
    if (pieces.extended.size() > 1) twice(*pieces.extended[1]);
    if (!pieces.extended.empty() && !pieces.numbered.empty()) twice(*pieces.numbered.front());
    if (more.empty()) return plain(*pieces.plain.front());
    auto parameter = pieces.extended.empty() ? joined(pieces.numbered) : joined({pieces.extended.front()});
    if (!pieces.plain.empty()) compare(*pieces.plain.front(), parameter);
    return parameter;
  }

 private:
  void twice(const ParameterPiece& piece) {
    repairs_.add(RepairKind::parameter_twice, piece.where,
                 "the parameter " + piece.name + " twice; the first counts");
  }
  /// Both forms are sent for the sake of old readers, and then say the same.
  void compare(const ParameterPiece& piece, const Parameter& parameter) {
    Repairs unused;
    std::swap(unused, repairs_);
    const auto other = plain(piece);
    std::swap(unused, repairs_);
    if (other.value != parameter.value)
      repairs_.add(
          RepairKind::parameter_twice, piece.where,
          "the parameter " + piece.name + " says another thing than " + piece.name + "*, which counts");
  }

  Parameter plain(const ParameterPiece& piece) {
    Parameter parameter{piece.name, {}, {}, {}};
    parameter.value = text(piece.octets, piece.where);
    return parameter;
  }
  std::string text(std::string_view octets, std::size_t where) {
    Repairs within;
    const bool words = octets.find("=?") != std::string_view::npos;
    auto decoded = words ? decode_stretch(octets, 0, within) : decode_raw(octets, 0, within);
    if (words && decoded != octets)
      repairs_.add(RepairKind::word_in_parameter, where,
                   "an encoded word as a parameter's value, where RFC 2231 should be; decoded all the same");
    // What is inside of quotes has no offset of its own.
    for (auto& repair : within.list) repairs_.add(repair.kind, where, std::move(repair.what));
    return without_controls(std::move(decoded), where, repairs_);
  }

  Parameter joined(std::vector<const ParameterPiece*> pieces) {
    std::sort(pieces.begin(), pieces.end(),
              [](const auto* a, const auto* b) { return std::pair(a->number, a) < std::pair(b->number, b); });
    Parameter parameter{pieces.front()->name, {}, {}, {}};
    const auto where = pieces.front()->where;
    std::string octets;
    std::size_t wanted = 0;
    bool broken = false, extended = false;
    for (const auto* const piece : pieces) {
      if (piece->number < wanted) {
        repairs_.add(
            RepairKind::parameter_pieces, piece->where,
            "piece " + std::to_string(piece->number) + " of " + piece->name + " twice; the first counts");
        continue;
      }
      if (piece->number > wanted)
        repairs_.add(RepairKind::parameter_pieces, piece->where,
                     "piece " + std::to_string(wanted) + " of " + piece->name + " is missing");
      std::string_view encoded = piece->octets;
      if (piece->extended && wanted == 0) encoded = take_charset(encoded, *piece, parameter);
      octets += piece->extended ? percent_decoded(encoded, broken) : std::string(encoded);
      extended = extended || piece->extended;
      wanted = piece->number + 1;
    }
    if (broken)
      repairs_.add(RepairKind::parameter_syntax, where,
                   "octets that should be percent-encoded are not, or badly");
    if (!extended) {
      parameter.value = text(octets, where);
    } else if (parameter.charset.empty()) {
      parameter.value = without_controls(decode_raw(octets, where, repairs_), where, repairs_);
    } else {
      parameter.value =
          without_controls(decode_labelled({parameter.charset, octets, where}, repairs_), where, repairs_);
    }
    return parameter;
  }

  /// charset'language'text
  std::string_view take_charset(std::string_view encoded, const ParameterPiece& piece, Parameter& parameter) {
    const auto first = encoded.find('\'');
    const auto second = first == std::string_view::npos ? first : encoded.find('\'', first + 1);
    if (first == std::string_view::npos) {
      repairs_.add(RepairKind::parameter_syntax, piece.where,
                   "a value of RFC 2231 without charset and language");
      return encoded;
    }
    parameter.charset = encoded.substr(0, std::min<std::size_t>(first, 100));
    if (second == std::string_view::npos) {
      repairs_.add(RepairKind::parameter_syntax, piece.where, "a value of RFC 2231 without language");
      return encoded.substr(first + 1);
    }
    parameter.language = encoded.substr(first + 1, std::min<std::size_t>(second - first - 1, 100));
    return encoded.substr(second + 1);
  }

  Repairs& repairs_;
};

}  // namespace

const Parameter* ParameterizedValue::find(std::string_view name) const {
  const auto found =
      std::find_if(parameters.begin(), parameters.end(), [&](const auto& one) { return one.name == name; });
  return found == parameters.end() ? nullptr : &*found;
}

ParameterizedValue decode_parameters(std::string_view field_value, const ParameterLimits& limits) {
  ParameterizedValue decoded;
  auto scanned = scan_parameters(field_value, limits, decoded.repairs);
  decoded.value = std::move(scanned.value);
  std::vector<Pieces> all;
  std::map<std::string_view, std::size_t> index;
  bool full = false;
  for (const auto& piece : scanned.pieces) {
    auto found = index.find(piece.name);
    if (found == index.end() && all.size() >= limits.parameters) {
      if (!full)
        decoded.repairs.add(
            RepairKind::parameter_syntax, piece.where,
            "more than " + std::to_string(limits.parameters) + " parameters; the others are left out");
      full = true;
      continue;
    }
    if (found == index.end()) {
      found = index.emplace(piece.name, all.size()).first;
      all.push_back({piece.name, {}, {}, {}});
    }
    auto& pieces = all[found->second];
    (piece.numbered ? pieces.numbered : piece.extended ? pieces.extended : pieces.plain).push_back(&piece);
  }
  Assembler assembler(decoded.repairs);
  for (const auto& pieces : all) decoded.parameters.push_back(assembler.assemble(pieces));
  return decoded;
}

}  // namespace hikyaku::mime
