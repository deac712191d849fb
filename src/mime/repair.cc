#include "mime/repair.h"

#include <utility>

namespace hikyaku::mime {

std::string_view repair_name(RepairKind kind) {
  switch (kind) {
    case RepairKind::shift_state_carried:
      return "shift_state_carried";
    case RepairKind::no_return_to_ascii:
      return "no_return_to_ascii";
    case RepairKind::character_split:
      return "character_split";
    case RepairKind::base64_padding:
      return "base64_padding";
    case RepairKind::base64_characters:
      return "base64_characters";
    case RepairKind::q_characters:
      return "q_characters";
    case RepairKind::raw_octets:
      return "raw_octets";
    case RepairKind::wrong_label:
      return "wrong_label";
    case RepairKind::unknown_label:
      return "unknown_label";
    case RepairKind::lost_escape:
      return "lost_escape";
    case RepairKind::eight_bit_in_iso_2022_jp:
      return "eight_bit_in_iso_2022_jp";
    case RepairKind::extended_characters:
      return "extended_characters";
    case RepairKind::missing_end:
      return "missing_end";
    case RepairKind::word_too_long:
      return "word_too_long";
    case RepairKind::word_in_quoted_string:
      return "word_in_quoted_string";
    case RepairKind::word_folded:
      return "word_folded";
    case RepairKind::word_not_separated:
      return "word_not_separated";
    case RepairKind::undecodable:
      return "undecodable";
    case RepairKind::control_characters:
      return "control_characters";
    case RepairKind::word_in_parameter:
      return "word_in_parameter";
    case RepairKind::parameter_syntax:
      return "parameter_syntax";
    case RepairKind::parameter_pieces:
      return "parameter_pieces";
    case RepairKind::parameter_twice:
      return "parameter_twice";
    case RepairKind::not_a_field:
      return "not_a_field";
  }
  return "unknown";
}

void Repairs::add(RepairKind kind, std::size_t where, std::string what) {
  if (list.size() < kKept) {
    list.push_back({kind, where, std::move(what)});
  } else {
    ++more;
  }
}

void Repairs::add(Repairs others) {
  for (auto& other : others.list) add(other.kind, other.where, std::move(other.what));
  more += others.more;
}

}  // namespace hikyaku::mime
