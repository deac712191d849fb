#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"
#include "milter/packet.h"
#include "milter/protocol.h"

namespace hikyaku::milter {

// What a filter asks to be changed at the end of a message. Header values are as in the protocol: lines
// separated by LF, and without the blank behind the colon where the leading space is not agreed on (see
// header_list.h). Addresses are as the filter wrote them, usually with angle brackets.

struct AddHeader {
  std::string name, value;
  bool operator==(const AddHeader&) const = default;
};
struct InsertHeader {
  std::uint32_t index = 0;  ///< 0: above all, our own Received too
  std::string name, value;
  bool operator==(const InsertHeader&) const = default;
};
struct ChangeHeader {
  std::uint32_t index = 1;  ///< which of this name, from 1; 0 is taken for 1
  std::string name, value;  ///< an empty value removes the header
  bool operator==(const ChangeHeader&) const = default;
};
struct ChangeSender {
  std::string address, parameters;  ///< parameters: "RET=HDRS ENVID=x", or empty
  bool operator==(const ChangeSender&) const = default;
};
struct AddRecipient {
  std::string address;
  std::optional<std::string> parameters;  ///< ADDRCPT_PAR where it is there
  bool operator==(const AddRecipient&) const = default;
};
struct RemoveRecipient {
  std::string address;
  bool operator==(const RemoveRecipient&) const = default;
};
/// A chunk of the new body; together they replace the old one.
struct ReplaceBody {
  std::string octets;
  bool operator==(const ReplaceBody&) const = default;
};
struct Quarantine {
  std::string reason;
  bool operator==(const Quarantine&) const = default;
};
using Edit = std::variant<AddHeader, InsertHeader, ChangeHeader, ChangeSender, AddRecipient, RemoveRecipient,
                          ReplaceBody, Quarantine>;

/// The bit of SMFIF_* that a filter needs for it.
std::uint32_t required_action(const Edit& edit);
Response kind(const Edit& edit);
/// What an edit holds in memory, about.
std::size_t octets(const Edit& edit);

/// Whether `response` is an edit.
bool is_edit(Response response);
/// Reads the data of such a packet. Fails with Fault::malformed; so is a header whose name has a control
/// octet or a blank in it. A name may be empty, or have a colon and more
/// behind it, as for Postfix.
Result<Edit> parse_edit(Response response, std::string_view data);
/// Appends its packet. A ReplaceBody must fit into one.
void append_edit(std::string& out, const Edit& edit);

}  // namespace hikyaku::milter
