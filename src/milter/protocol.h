#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

// The numbers of the milter protocol, versions 2 to 6, with the names of libmilter's mfdef.h and mfapi.h
// beside them. A packet is a length of four octets in network order, an octet for its kind, and its data.
namespace hikyaku::milter {

constexpr std::uint32_t kVersion = 6;        ///< SMFI_PROT_VERSION
constexpr std::uint32_t kOldestVersion = 2;  ///< that can be offered

/// The most data of a packet, without the octet of its kind, that every filter takes (MILTER_MAX_DATA_SIZE),
/// and the most body in one packet (MILTER_CHUNK_SIZE).
constexpr std::size_t kDataSize = 65535;
/// What the two larger sizes of version 6 are, where both ends agree on them.
constexpr std::size_t kDataSize256K = 256 * 1024 - 1, kDataSize1M = 1024 * 1024 - 1;
/// The most data that a packet may have to be read at all, whatever was agreed: Postfix sends headers of up
/// to header_size_limit octets to every filter.
constexpr std::size_t kReadLimit = kDataSize1M;

/// What the MTA sends (SMFIC_*).
enum class Command : char {
  abort = 'A',
  body = 'B',
  connect = 'C',
  macros = 'D',
  end_of_message = 'E',
  helo = 'H',
  quit_new_connection = 'K',
  header = 'L',
  mail = 'M',
  end_of_headers = 'N',
  negotiate = 'O',
  quit = 'Q',
  rcpt = 'R',
  data = 'T',
  unknown = 'U',
};
/// nullopt for an octet that is none.
std::optional<Command> command_of(char octet);
/// "end of message": for logs.
std::string_view text(Command command);
/// About the client, not about a message: connect and HELO.
constexpr bool of_connection(Command command) {
  return command == Command::connect || command == Command::helo;
}
/// From the first header to the end of the message.
constexpr bool of_content(Command command) {
  return command == Command::header || command == Command::end_of_headers || command == Command::body ||
         command == Command::end_of_message;
}

/// What the filter sends (SMFIR_*). The answer to negotiate is negotiate itself.
enum class Response : char {
  add_recipient = '+',
  remove_recipient = '-',
  add_recipient_with_parameters = '2',
  shutdown = '4',
  accept = 'a',
  replace_body = 'b',
  go_on = 'c',
  discard = 'd',
  change_sender = 'e',
  connection_failure = 'f',
  add_header = 'h',
  insert_header = 'i',
  change_header = 'm',
  negotiate = 'O',
  progress = 'p',
  quarantine = 'q',
  reject = 'r',
  skip = 's',
  tempfail = 't',
  reply_code = 'y',
};
std::optional<Response> response_of(char octet);
std::string_view text(Response response);

/// The macro lists that a filter may set (SMFIM_*), in the numbers of SETSYMLIST, and `unknown`, which
/// Postfix has besides.
enum class Stage : unsigned char { connect, helo, mail, rcpt, data, end_of_message, end_of_headers, unknown };
constexpr std::size_t kStages = 8, kSettableStages = 7;

/// What a filter may do to a message (SMFIF_*): bits.
namespace action {
constexpr std::uint32_t add_headers = 0x1, change_body = 0x2, add_recipients = 0x4, remove_recipients = 0x8,
                        change_headers = 0x10, quarantine = 0x20, change_sender = 0x40,
                        add_recipients_with_parameters = 0x80, set_macro_lists = 0x100, all = 0x1FF;
}  // namespace action

/// Steps of the protocol that are left out or added (SMFIP_*): bits.
namespace step {
constexpr std::uint32_t no_connect = 0x1, no_helo = 0x2, no_mail = 0x4, no_rcpt = 0x8, no_body = 0x10,
                        no_headers = 0x20, no_end_of_headers = 0x40, no_reply_header = 0x80,
                        no_unknown = 0x100, no_data = 0x200, skip = 0x400, rejected_recipients = 0x800,
                        no_reply_connect = 0x1000, no_reply_helo = 0x2000, no_reply_mail = 0x4000,
                        no_reply_rcpt = 0x8000, no_reply_data = 0x10000, no_reply_unknown = 0x20000,
                        no_reply_end_of_headers = 0x40000, no_reply_body = 0x80000,
                        header_leading_space = 0x100000, all = 0x1FFFFF;
/// The larger data sizes: apart, since a filter that hands all offered bits back would agree without knowing
/// them.
constexpr std::uint32_t data_256k = 0x10000000, data_1m = 0x20000000;
/// The bit by which `command` is not sent, and the one by which it has no reply; 0 when there is none.
std::uint32_t not_sent(Command command);
std::uint32_t no_reply(Command command);
}  // namespace step

}  // namespace hikyaku::milter
