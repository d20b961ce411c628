// SPDX-License-Identifier: Apache-2.0
// How the module is built, and whose it is once it is loaded: tried without a kernel that loads one.
#include "rescue/apply/module.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <ostream>

#include "util/read_file.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

namespace fs = std::filesystem;

class Module : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "unzap-module-test-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  void TearDown() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  void put(const std::string& name, const std::string& text) const {
    fs::create_directories(fs::path(path(name)).parent_path());
    std::ofstream(path(name)) << text;
  }
  std::string got(const std::string& name) const {
    const auto file = read_file(path(name), std::size_t{1} << 20);
    return file ? std::string(trim(file->text)) : "(nothing)";
  }

  std::string folder_;
};

// --- the build --------------------------------------------------------------------------------------------

/// Headers whose make goes wrong as those of 6.12 do where pahole is missing, unless BTF is off.
constexpr const char* k_headers_with_btf =
    "CONFIG_DEBUG_INFO_BTF_MODULES := y\n"
    "modules:\n"
    "\t@cp $(M)/unzap_rescue.c $(M)/unzap_rescue.ko\n"
    "ifdef CONFIG_DEBUG_INFO_BTF_MODULES\n"
    "\t@/bin/sh -c 'echo /bin/sh: 1: pahole: not found; exit 127'\n"
    "endif\n";

TEST_F(Module, IsBuiltWithoutBtfWherePaholeIsMissing) {
  if (::access("/usr/bin/make", X_OK) != 0) GTEST_SKIP() << "make is not installed";
  put("headers/Makefile", k_headers_with_btf);
  fs::create_directory(path("parent"));
  std::string built_in;
  {
    const auto built = ModuleFile::build({{"unzap_rescue.c", "int x;\n"}}, path("headers"), {path("parent")});
    ASSERT_TRUE(built) << built.error().text();
    built_in = fs::path(built->file()).parent_path();
    struct stat status {};
    ASSERT_EQ(::stat(built_in.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0700U);
  }
  EXPECT_FALSE(fs::exists(built_in)) << "it goes with its owner";
  put("headers/Makefile", std::string("override ") + k_headers_with_btf);
  const auto failed = ModuleFile::build({{"unzap_rescue.c", "int x;\n"}}, path("headers"), {path("parent")});
  ASSERT_FALSE(failed) << "BTF that cannot be switched off";
  EXPECT_NE(failed.error().message.find("pahole is not here"), std::string::npos) << failed.error().text();
}

TEST_F(Module, TheBuildInheritsNoEnvironmentAndNoInput) {
  if (::access("/proc/self/stat", R_OK) != 0) GTEST_SKIP() << "no /proc is mounted here";
  ::setenv("MAKEFLAGS", "--eval=evil", 1);
  ::setenv("KBUILD_EXTRA_SYMBOLS", "/evil", 1);
  const auto status = run_build({"sh", "-c", "env; readlink /proc/self/fd/0; umask"}, folder_, BuildLimits{});
  ::unsetenv("MAKEFLAGS");
  ::unsetenv("KBUILD_EXTRA_SYMBOLS");
  EXPECT_EQ(status, 0);
  const std::string log = got("build.log");
  EXPECT_EQ(log.find("evil"), std::string::npos) << log;
  EXPECT_NE(log.find("/dev/null"), std::string::npos) << log;
  EXPECT_NE(log.find("0077"), std::string::npos) << log;
}

/// It is gone, or a zombie that nobody has reaped yet.
bool is_dead(pid_t task) {
  const auto stat = read_file("/proc/" + std::to_string(task) + "/stat", 4096);
  return !stat || stat->text.find(") Z ") != std::string::npos;
}

TEST_F(Module, ABuildThatTakesTooLongGoesWithAllItsChildren) {
  if (::access("/proc/self/stat", R_OK) != 0) GTEST_SKIP() << "no /proc is mounted here";
  const std::string script =
      "sleep 1000 & echo $! >" + path("pid.new") + "; mv " + path("pid.new") + " " + path("pid") + "; wait";
  EXPECT_FALSE(run_build({"sh", "-c", script}, folder_, {1.0, std::uint64_t{1} << 20}));
  const pid_t child = parse_number<pid_t>(got("pid")).value_or(0);
  ASSERT_GT(child, 1);
  for (int i = 0; i < 5000 && !is_dead(child); ++i) ::usleep(1000);
  EXPECT_TRUE(is_dead(child));
}

TEST_F(Module, TheLogOfABuildIsBounded) {
  EXPECT_FALSE(run_build({"yes"}, folder_, {60, 65536}));
  EXPECT_LE(fs::file_size(path("build.log")), 65536U);
}

TEST_F(Module, IsBuiltOnlyWhereNobodyElseCanReplaceIt) {
  fs::create_directory(path("open"));
  ::chmod(path("open").c_str(), 0777);
  EXPECT_FALSE(BuildFolder::make({path("open"), path("missing")}));
  ::chmod(path("open").c_str(), 01777);
  EXPECT_TRUE(BuildFolder::make({path("open")})) << "sticky: only the owner renames";
  fs::create_directory_symlink(path("open"), path("link"));
  EXPECT_FALSE(BuildFolder::make({path("link")}));
  const auto folder = BuildFolder::make({path("missing"), path("open")});
  ASSERT_TRUE(folder) << "the first that will do";
  EXPECT_FALSE(folder->write("reaper.h", "text"));
  EXPECT_TRUE(folder->write("reaper.h", "text")) << "it was there";
  fs::create_symlink(path("target"), folder->path() + "/unzap_rescue.c");
  EXPECT_TRUE(folder->write("unzap_rescue.c", "text")) << "a link";
  EXPECT_FALSE(fs::exists(path("target")));
}

/// The build folders of the kernels whose headers are installed here, whether they run or not.
std::vector<std::string> installed_headers() {
  std::vector<std::string> out;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator("/lib/modules", none))
    if (fs::exists(entry.path() / "build/scripts/Makefile.modpost", none))
      out.push_back((entry.path() / "build").string());
  return out;
}

TEST_F(Module, BothModulesBuildWithTheHeadersOfEveryKernelHere) {
  const auto text = [](const std::string& file) {
    return read_file(std::string(UNZAP_SOURCE_DIR "/kmod/") + file, std::size_t{1} << 20)->text;
  };
  const std::string reaper = text("reaper.h");
  std::string left_out = "no kernel headers below /lib/modules (linux-headers-amd64)";
  int built = 0;
  for (const std::string& headers : installed_headers())
    for (const char* file : {"unzap_rescue.c", "unzap_guard.c"}) {
      const std::string source = text(file);  // the guard too, under the name that is built
      const auto module =
          ModuleFile::build({{"unzap_rescue.c", source}, {"reaper.h", reaper}}, headers, {folder_});
      const bool no_compiler = !module && module.error().message.find("own compiler") != std::string::npos;
      if (no_compiler) left_out = module.error().text();
      EXPECT_TRUE(module || no_compiler) << file << ": " << module.error().text();
      built += module ? 1 : 0;
    }
  if (built == 0) GTEST_SKIP() << left_out;
}

struct LogRow {
  const char* name;
  const char* log;
  const char* message;  ///< part of it
  const char* remedy;   ///< part of it
};

void PrintTo(const LogRow& row, std::ostream* out) {
  *out << row.name;
}

class BuildLog : public ::testing::TestWithParam<LogRow> {};

TEST_P(BuildLog, NamesTheLineAndThePackage) {
  std::string folder = (fs::temp_directory_path() / "unzap-headers-XXXXXX").string();
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  std::ofstream(folder + "/.config")
      << "CONFIG_CC_VERSION_TEXT=\"x86_64-linux-gnu-gcc-14 (Debian 14.2.0-19) 14.2.0\"\n";
  const Error error = build_error(GetParam().log, folder);
  fs::remove_all(folder);
  EXPECT_EQ(error.place, folder);
  EXPECT_NE(error.message.find(GetParam().message), std::string::npos) << error.text();
  EXPECT_NE(error.remedy.find(GetParam().remedy), std::string::npos) << error.text();
}

const LogRow k_logs[] = {
    {"pahole",
     "  BTF [M] /run/m/unzap_rescue.ko\n/bin/sh: 1: pahole: not found\n"
     "make[2]: *** [scripts/Makefile.modfinal:64: /run/m/unzap_rescue.ko] Error 127\n",
     "pahole is not here", "install what has pahole"},
    {"compiler_of_bullseye",
     "arch/x86/Makefile:155: CONFIG_X86_X32 enabled but no binutils support\n"
     "  CC [M]  /run/m/unzap_rescue.o\n/bin/sh: 1: gcc-10: not found\nmake[2]: *** [x] Error 127\n",
     "own compiler, gcc-10, is not here", "apt install gcc-10,"},
    {"compiler_with_its_triplet", "/bin/sh: 1: x86_64-linux-gnu-gcc-14: not found\n",
     "x86_64-linux-gnu-gcc-14, is not here", "apt install gcc-14,"},
    {"clang", "bash: line 1: clang-19: command not found\n", "own compiler, clang-19",
     "apt install clang-19,"},
    {"flag_of_a_newer_compiler",
     "gcc: error: unrecognized command-line option '-fmin-function-alignment=16'\nmake: *** Error 1\n",
     "not the kernel's own, x86_64-linux-gnu-gcc-14 (Debian 14.2.0-19) 14.2.0: gcc: error: unrecognized",
     "apt install gcc-14,"},
    {"c_library",
     "scripts/mod/modpost: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found (required by x)\n",
     "need the C library of a newer system", "--module FILE"},
    {"first_error",
     "/run/m/unzap_rescue.c:34:17: error: implicit declaration of function 'f'\n   34 |  return f();\n"
     "cc1: some warnings being treated as errors\nmake[1]: *** [Makefile:1: x] Error 2\n"
     "make: Leaving directory '/usr/src/h'\n",
     "unzap_rescue.c:34:17: error: implicit declaration", "headers of the running kernel"},
    {"symbol", "ERROR: modpost: \"f\" [/run/m/unzap_rescue.ko] undefined!\nmake: *** [x] Error 1\n",
     "ERROR: modpost: \"f\"", "headers"},
    {"make", "make: *** /no: No such file or directory.  Stop.\n", "*** /no: No such file", "headers"},
    {"control_bytes", "a.c:1:1: error: \x1b[31mred\n", "error: \\x1b[31mred", "headers"},
    {"nothing", "", "no output", "headers"},
};
INSTANTIATE_TEST_SUITE_P(Rows, BuildLog, ::testing::ValuesIn(k_logs),
                         [](const auto& row) { return row.param.name; });

// --- whose module it is -----------------------------------------------------------------------------------

class Handing : public Module {
 protected:
  void SetUp() override {
    Module::SetUp();
    put("unzap_rescue.ko", "module");
    ::chmod(path("unzap_rescue.ko").c_str(), 0644);
    fs::create_directory(path("sys"));
  }
  /// A kernel as finit_module(2) leaves it when it ends with `error`; the module then says `result`.
  ModuleHost host(int error, const std::string& result) {
    return {path("sys"),
            [this, error, result](int, const std::string& parameters) {
              put("loaded", parameters);
              if (error == 0) show(result, "2");
              return error;
            },
            [this] {
              put("unloaded", "yes");
              return 0;
            }};
  }
  void show(const std::string& result, const std::string& version) const {
    put("sys/unzap_rescue/parameters/result", result + "\n");
    put("sys/unzap_rescue/parameters/target", "");
    if (!version.empty()) put("sys/unzap_rescue/version", version + "\n");
  }
  Result<ModuleAnswer> hand(const ModuleHost& host) {
    return hand_to_module(path("unzap_rescue.ko"), "70,1234", host);
  }
};

constexpr const char* k_cleared = "cleared: TIF_NOTIFY_SIGNAL of task 70 started at 1234";

TEST_F(Handing, WhatIsNotLoadedIsLoadedAndOurs) {
  const auto answer = hand(host(0, k_cleared));
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(answer->said, k_cleared);
  EXPECT_TRUE(answer->loaded_by_us);
  EXPECT_EQ(got("loaded"), "target=70,1234");
}

TEST_F(Handing, WhatIsLoadedGetsTheTargetAndIsNotOurs) {
  show("refused: task 70 started at 1234: it is gone", "2");
  const auto answer = hand(host(0, k_cleared));
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(answer->said, "refused: task 70 started at 1234: it is gone");
  EXPECT_FALSE(answer->loaded_by_us);
  EXPECT_EQ(got("loaded"), "(nothing)");
  EXPECT_EQ(got("sys/unzap_rescue/parameters/target"), "70,1234");
}

TEST_F(Handing, WhatIsLoadedAndNotOfThisVersionGetsNothing) {
  for (const char* version : {"", "1", "22"}) {
    fs::remove_all(path("sys/unzap_rescue"));
    show(k_cleared, version);
    const auto answer = hand(host(0, k_cleared));
    ASSERT_FALSE(answer) << version;
    EXPECT_NE(answer.error().message.find("version"), std::string::npos);
    EXPECT_EQ(got("sys/unzap_rescue/parameters/target"), "");
    EXPECT_EQ(got("unloaded"), "(nothing)");
  }
}

TEST_F(Handing, WhoLoadsItWhileWeDoKeepsIt) {
  ModuleHost late = host(EEXIST, "");
  late.load = [this](int, const std::string&) {
    show(k_cleared, "2");
    return EEXIST;
  };
  const auto answer = hand(late);
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_FALSE(answer->loaded_by_us);
  EXPECT_EQ(got("sys/unzap_rescue/parameters/target"), "70,1234");
}

TEST_F(Handing, AnAnswerAboutAnotherTargetIsNone) {
  for (const char* said :
       {"cleared: TIF_NOTIFY_SIGNAL of task 7 started at 1234",
        "cleared: TIF_NOTIFY_SIGNAL of task 70 started at 12345", "none: no target was given"}) {
    fs::remove_all(path("sys/unzap_rescue"));
    fs::remove(path("unloaded"));
    const auto answer = hand(host(0, said));
    EXPECT_FALSE(answer) << said;
    EXPECT_EQ(got("unloaded"), "yes") << "it was ours, and nobody learns of it after an error";
  }
}

TEST_F(Handing, SaysWhatAFailedLoadMeans) {
  EXPECT_EQ(hand(host(EPERM, "")).error().kind, ErrorKind::permission);
  EXPECT_NE(hand(host(EKEYREJECTED, "")).error().message.find("signed"), std::string::npos);
  EXPECT_NE(hand(host(EBUSY, "")).error().message.find("somebody else"), std::string::npos);
}

TEST_F(Handing, LoadsNoFileThatOthersCanWriteTo) {
  ::chmod(path("unzap_rescue.ko").c_str(), 0664);
  auto answer = hand(host(0, k_cleared));
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().message.find("others can write"), std::string::npos);
  EXPECT_EQ(got("loaded"), "(nothing)");
  fs::remove(path("unzap_rescue.ko"));
  ASSERT_EQ(::mkfifo(path("unzap_rescue.ko").c_str(), 0600), 0);
  answer = hand(host(0, k_cleared));
  ASSERT_FALSE(answer) << "a FIFO, opened without waiting";
  EXPECT_NE(answer.error().message.find("regular"), std::string::npos);
}

TEST_F(Handing, UnloadsAsTheKernelSays) {
  EXPECT_TRUE(unload_module(5, host(0, "")));
  ModuleHost busy = host(0, "");
  busy.unload = [] { return EAGAIN; };
  EXPECT_FALSE(unload_module(5, busy));
}

}  // namespace
}  // namespace unzap
