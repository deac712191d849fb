#include <sysexits.h>

#include <string_view>

#include "base/escape.h"
#include "cmd/command_line.h"
#include "cmd/exit_code.h"
#include "cmd/mime_attach.h"
#include "cmd/mime_commands.h"
#include "cmd/mime_decode.h"
#include "cmd/mime_doctor.h"
#include "cmd/mime_encode.h"
#include "cmd/mime_extract.h"
#include "cmd/mime_io.h"
#include "cmd/mime_nkf.h"
#include "cmd/mime_option_rules.h"
#include "cmd/mime_show.h"

namespace hikyaku::cmd {
namespace {

constexpr std::size_t kText = 16 * 1024 * 1024;  // octets of a new message's text

constexpr std::string_view kFooter =
    "Examples:\n"
    "  hikyaku mime show mail.eml                        the parts of a message, with their numbers\n"
    "  hikyaku mime decode mail.eml                      headers and texts in UTF-8, to read\n"
    "  hikyaku mime decode --part 2 mail.eml > photo.png one part, decoded\n"
    "  hikyaku mime extract -C folder mail.eml           the attachments as files\n"
    "  hikyaku mime attach -m mail.eml plan.pdf > new.eml\n"
    "  hikyaku mime attach --new --from a@example.org --to b@example.net --subject 見積 --text '送ります' "
    "plan.pdf\n"
    "  hikyaku mime doctor --repair mail.eml > mended.eml\n"
    "  echo 'Subject: 見積' | hikyaku mime encode --header --charset iso-2022-jp\n"
    "  echo '=?UTF-8?B?6KaL56mN?=' | hikyaku mime decode --header\n"
    "A FILE that is not named, or is -, is stdin. docs/mime.md has more.\n"
    "Exit code 65: content was damaged or lost, as told on stderr; 66: there is no such file or part.";

void decode_options(CommandLine& command, MimeDecodeOptions& options) {
  command.option("FILE", &options.path, "the message");
  command.option("-p,--part", &options.part, "this part alone, decoded (mime show has the numbers)");
  command.flag("--header", options.header, "the input is header fields, or values of them");
  command.flag("--body", options.body, "the input is a body without a header");
  command.option(
      "--encoding", &options.encoding, "of such a body: base64, quoted-printable, x-uuencode, x-yenc, 8bit",
      {.one_of = {"base64", "quoted-printable", "qp", "x-uuencode", "x-yenc", "7bit", "8bit", "binary"}});
  command.option("--charset", &options.charset, "of a body; guessed without");
  command.flag("--binary", options.binary, "write the octets of attachments too");
  command.flag("--raw", options.raw, "leave texts in their charset");
  command.flag("-q,--quiet", options.quiet, "no remarks on stderr");
}

void encode_options(CommandLine& command, MimeEncodeOptions& options) {
  command.option("FILE", &options.path, "what to encode");
  command.flag("--header", options.header, "header fields or values, UTF-8, to encoded words");
  command.option("--word", &options.word, "the encoding of words; without, the shorter one",
                 {.one_of = {"B", "Q", "b", "q"}});
  command.option("--encoding", &options.encoding, "of a body",
                 {.one_of = {"base64", "quoted-printable", "qp"}});
  command.option("--charset", &options.charset, "what UTF-8 becomes first; a body stays as it is without");
  command.flag("--binary", options.binary, "quoted-printable: keep line ends as octets");
  command.flag("--crlf", options.crlf, "end lines in CRLF");
}

void extract_options(CommandLine& command, MimeExtractOptions& options) {
  command.option("FILE", &options.paths, "messages; parts of one yEnc file may be in several");
  command.option("-C,--folder", &options.folder, "where the files go");
  command.option("-p,--part", &options.part, "this part alone, to stdout");
  command.flag("--all", options.all, "texts that are no attachments as well");
  command.flag("--messages", options.messages, "messages within as files, instead of what is in them");
  command.flag("--json", options.as_json, "one JSON object a file");
  command.option("--largest", &options.largest,
                 "octets of a file at most; what is beyond is left out and told");
  command.option("--most", &options.most, "files at most");
}

void attach_options(CommandLine& command, MimeAttachOptions& options) {
  command.option("FILE", &options.files, "what to attach");
  command.option("-m,--message", &options.message, "the message; without, stdin");
  command.flag("--new", options.fresh, "make a new message of these:");
  command.option("--from", &options.from, "its author");
  command.option("--to", &options.to, "its recipients");
  command.option("--subject", &options.subject, "its subject");
  command.option("--text", &options.text, "its text; without, stdin");
  command.option("--type", &options.type, "the media type of the files; without, by their names");
  command.option("--name", &options.name, "the name that the one file gets");
  command.flag("--old-readers", options.old_readers, "names as encoded words too, besides RFC 2231");
}

int run_decode(const MimeDecodeOptions& options, const CommandLine& command) {
  const auto unfit = unfit_decode_option(command);
  return unfit ? tell_error("hikyaku mime decode", *unfit) : mime_decode(options);
}

int run_encode(const MimeEncodeOptions& options, const CommandLine& command) {
  const auto unfit = unfit_encode_option(command);
  return unfit ? tell_error("hikyaku mime encode", *unfit) : mime_encode(options);
}

int run_extract(const MimeExtractOptions& options, const CommandLine& command) {
  const auto unfit = unfit_extract_option(command);
  return unfit ? tell_error("hikyaku mime extract", *unfit) : mime_extract(options);
}

int run_attach(MimeAttachOptions& options, const CommandLine& command) {
  constexpr std::string_view kName = "hikyaku mime attach";
  if (const auto unfit = unfit_attach_option(command)) return tell_error(kName, *unfit);
  if (command.given("--type") && !may_be_attached_as(options.type))
    return tell_error(kName, {Fault::malformed,
                              "--type wants a media type like application/pdf, and neither "
                              "a message nor a multipart: " +
                                  escaped(options.type)});
  if (options.fresh && !command.given("--text")) {
    auto text = read_whole({}, kText);
    if (!text) return tell_error(kName, text.error());
    options.text = std::move(*text);
  }
  return mime_attach(options);
}

}  // namespace

int mime_command(int argc, char** argv) {
  // Its letters are nkf's own, and no options of ours.
  if (argc > 1 && std::string_view(argv[1]) == "nkf") return mime_nkf(argc - 1, argv + 1);
  CommandLine app("hikyaku mime", "Messages: their parts, headers, texts and attachments.");
  app.footer(kFooter);
  auto& decode_command = app.subcommand("decode", "a message, a part, a body or headers as UTF-8");
  MimeDecodeOptions decode;
  decode_options(decode_command, decode);
  auto& encode_command =
      app.subcommand("encode", "headers to encoded words, bodies to base64 or quoted-printable");
  MimeEncodeOptions encode;
  encode_options(encode_command, encode);
  auto& show_command = app.subcommand("show", "the parts of a message: numbers, types, sizes, names, places");
  std::string path;
  bool as_json = false;
  show_command.option("FILE", &path, "the message");
  show_command.flag("--json", as_json, "one JSON object a part");
  auto& extract_command = app.subcommand("extract", "the attachments as files");
  MimeExtractOptions extract;
  extract_options(extract_command, extract);
  auto& doctor_command = app.subcommand("doctor", "what is wrong with a message; --repair mends it");
  MimeDoctorOptions doctor;
  doctor_command.option("FILE", &doctor.path, "the message");
  doctor_command.flag("--json", doctor.as_json, "one JSON object a finding");
  doctor_command.flag("--repair", doctor.repair, "the repaired message to stdout, the report to stderr");
  app.subcommand("nkf", "with the options of nkf; hikyaku mime nkf --help");
  auto& attach_command = app.subcommand("attach", "add files to a message, or make a new one");
  MimeAttachOptions add;
  attach_options(attach_command, add);

  if (const auto end = app.parse(argc, argv)) return *end;
  if (decode_command.called()) return run_decode(decode, decode_command);
  if (encode_command.called()) return run_encode(encode, encode_command);
  if (show_command.called()) return mime_show(path, as_json);
  if (extract_command.called()) return run_extract(extract, extract_command);
  if (doctor_command.called()) return mime_doctor(doctor);
  return run_attach(add, attach_command);
}

}  // namespace hikyaku::cmd
