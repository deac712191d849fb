#include "milter/edit.h"

#include <algorithm>
#include <utility>

#include "base/escape.h"

namespace hikyaku::milter {
namespace {

/// As loose as Postfix, which adds what a filter names, as long as it breaks no message: a name may be empty,
/// and what follows a colon in it is more of the value.
Result<void> check_name(std::string_view name) {
  bool value = false;
  const bool good = std::ranges::all_of(name, [&value](char c) {
    const auto octet = static_cast<unsigned char>(c);
    value = value || c == ':';
    return (octet > ' ' || (value && octet == ' ')) && octet != 0x7f;
  });
  if (good) return {};
  return fail(Fault::malformed, "'" + escaped(name, 100) + "' is no name of a header");
}

/// An index (where there is one), a name and a value.
template <class Header>
Result<Edit> parse_header(FieldReader& reader) {
  Header header;
  if constexpr (requires { header.index; }) {
    const auto index = reader.number32();
    if (!index) return std::unexpected(index.error());
    header.index = *index;
  }
  const auto name = reader.string();
  if (!name) return std::unexpected(name.error());
  if (auto checked = check_name(*name); !checked) return std::unexpected(std::move(checked).error());
  const auto value = reader.string();
  if (!value) return std::unexpected(value.error());
  header.name = *name;
  header.value = *value;
  return header;
}

struct WithParameters {
  std::string address;
  std::string parameters;
};
/// An address, and parameters that may be absent.
Result<WithParameters> parse_address(FieldReader& reader) {
  const auto address = reader.string();
  if (!address) return std::unexpected(address.error());
  if (reader.empty()) return WithParameters{std::string(*address), {}};
  const auto parameters = reader.string();
  if (!parameters) return std::unexpected(parameters.error());
  return WithParameters{std::string(*address), std::string(*parameters)};
}

template <class Recipient>
Result<Edit> parse_recipient(FieldReader& reader) {
  const auto address = reader.string();
  if (!address) return std::unexpected(address.error());
  return Recipient{std::string(*address)};
}

Result<Edit> parse_whole(Response response, FieldReader& reader) {
  switch (response) {
    case Response::add_header:
      return parse_header<AddHeader>(reader);
    case Response::insert_header:
      return parse_header<InsertHeader>(reader);
    case Response::change_header:
      return parse_header<ChangeHeader>(reader);
    case Response::add_recipient:
      return parse_recipient<AddRecipient>(reader);
    case Response::remove_recipient:
      return parse_recipient<RemoveRecipient>(reader);
    case Response::replace_body:
      return ReplaceBody{std::string(reader.rest())};
    case Response::change_sender:
    case Response::add_recipient_with_parameters: {
      auto read = parse_address(reader);
      if (!read) return std::unexpected(std::move(read).error());
      if (response == Response::change_sender)
        return ChangeSender{std::move(read->address), std::move(read->parameters)};
      return AddRecipient{std::move(read->address), std::move(read->parameters)};
    }
    case Response::quarantine: {
      // Some filters leave the NUL out.
      auto reason = reader.rest();
      reason = reason.substr(0, reason.find('\0'));
      return Quarantine{std::string(reason)};
    }
    default:
      return fail(Fault::malformed, "'" + std::string(text(response)) + "' changes nothing");
  }
}

struct Append {
  std::string& out;
  void operator()(const AddHeader& edit) const {
    PacketWriter(out, Response::add_header).string(edit.name).string(edit.value);
  }
  void operator()(const InsertHeader& edit) const {
    PacketWriter(out, Response::insert_header).number32(edit.index).string(edit.name).string(edit.value);
  }
  void operator()(const ChangeHeader& edit) const {
    PacketWriter(out, Response::change_header).number32(edit.index).string(edit.name).string(edit.value);
  }
  void operator()(const ChangeSender& edit) const {
    PacketWriter writer(out, Response::change_sender);
    writer.string(edit.address);
    if (!edit.parameters.empty()) writer.string(edit.parameters);
  }
  void operator()(const AddRecipient& edit) const {
    PacketWriter writer(out, kind(edit));
    writer.string(edit.address);
    if (edit.parameters && !edit.parameters->empty()) writer.string(*edit.parameters);
  }
  void operator()(const RemoveRecipient& edit) const {
    PacketWriter(out, Response::remove_recipient).string(edit.address);
  }
  void operator()(const ReplaceBody& edit) const {
    PacketWriter(out, Response::replace_body).octets(edit.octets);
  }
  void operator()(const Quarantine& edit) const {
    PacketWriter(out, Response::quarantine).string(edit.reason);
  }
};

}  // namespace

Response kind(const Edit& edit) {
  constexpr Response kKinds[] = {Response::add_header,    Response::insert_header, Response::change_header,
                                 Response::change_sender, Response::add_recipient, Response::remove_recipient,
                                 Response::replace_body,  Response::quarantine};
  static_assert(std::size(kKinds) == std::variant_size_v<Edit>);
  if (const auto* added = std::get_if<AddRecipient>(&edit); added && added->parameters)
    return Response::add_recipient_with_parameters;
  return kKinds[edit.index()];
}

std::uint32_t required_action(const Edit& edit) {
  switch (kind(edit)) {
    case Response::change_header:
      return action::change_headers;
    case Response::change_sender:
      return action::change_sender;
    case Response::add_recipient:
      return action::add_recipients;
    case Response::add_recipient_with_parameters:
      return action::add_recipients_with_parameters;
    case Response::remove_recipient:
      return action::remove_recipients;
    case Response::replace_body:
      return action::change_body;
    case Response::quarantine:
      return action::quarantine;
    default:
      return action::add_headers;
  }
}

std::size_t octets(const Edit& edit) {
  struct Count {
    std::size_t operator()(const AddHeader& e) const { return e.name.size() + e.value.size(); }
    std::size_t operator()(const InsertHeader& e) const { return e.name.size() + e.value.size(); }
    std::size_t operator()(const ChangeHeader& e) const { return e.name.size() + e.value.size(); }
    std::size_t operator()(const ChangeSender& e) const { return e.address.size() + e.parameters.size(); }
    std::size_t operator()(const AddRecipient& e) const {
      return e.address.size() + (e.parameters ? e.parameters->size() : 0);
    }
    std::size_t operator()(const RemoveRecipient& e) const { return e.address.size(); }
    std::size_t operator()(const ReplaceBody& e) const { return e.octets.size(); }
    std::size_t operator()(const Quarantine& e) const { return e.reason.size(); }
  };
  return sizeof(Edit) + std::visit(Count{}, edit);
}

bool is_edit(Response response) {
  switch (response) {
    case Response::add_header:
    case Response::insert_header:
    case Response::change_header:
    case Response::change_sender:
    case Response::add_recipient:
    case Response::add_recipient_with_parameters:
    case Response::remove_recipient:
    case Response::replace_body:
    case Response::quarantine:
      return true;
    default:
      return false;
  }
}

Result<Edit> parse_edit(Response response, std::string_view data) {
  FieldReader reader(text(response), data);
  auto edit = parse_whole(response, reader);
  if (!edit) return edit;
  if (auto end = reader.end(); !end) return std::unexpected(std::move(end).error());
  return edit;
}

void append_edit(std::string& out, const Edit& edit) { std::visit(Append{out}, edit); }

}  // namespace hikyaku::milter
