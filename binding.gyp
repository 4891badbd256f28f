# For `npm install`. CMakeLists.txt builds the same for another architecture, and the unit tests.
{
  'target_defaults': {
    'defines': ['NAPI_VERSION=8', '_GNU_SOURCE'],
    'cflags': ['-Wall', '-Wextra', '-O3', '-fvisibility=hidden', '-fno-plt'],
    'cflags_c': ['-std=gnu11'],
    'cflags_cc': ['-std=c++17', '-fno-exceptions', '-fno-rtti', '-fvisibility-inlines-hidden'],
    'cflags_cc!': ['-fexceptions', '-frtti', '-std=gnu++17', '-std=gnu++20'],
    # A thread that the kernel does not give back, and a signal handler, may outlive the last
    # environment that loaded this.
    'ldflags': ['-Wl,-z,nodelete', '-pthread'],
  },
  'targets': [
    {
      'target_name': 'sdm_native',
      'sources': ['<!@(ls native/src/*.c native/src/*.cc native/src/napi/*.cc)'],
    },
  ],
}
